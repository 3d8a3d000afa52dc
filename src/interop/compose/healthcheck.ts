import type { HealthcheckConfig } from '../../config/mesh-config.ts';
import { at, type Cursor, entriesOf, isNull, itemsOf } from './cursor.ts';
import { didYouMean } from './did-you-mean.ts';
import type { Report } from './report.ts';
import { readBoolean, readInteger, readText } from './scalar.ts';
import { readDuration } from './units.ts';

const FIELDS = ['test', 'interval', 'timeout', 'retries', 'start_period', 'start_interval', 'disable'];

/** Reads `healthcheck`; `null` where none is written, so that the image's own stays. */
export function readHealthcheck(cursor: Cursor | null, report: Report): HealthcheckConfig | null {
  if (cursor === null || isNull(cursor)) return null;
  if (cursor.node.kind !== 'map') {
    report.expected(cursor, 'a map', 'for example {test: [CMD, curl, -f, http://localhost], interval: 10s}');
    return null;
  }
  for (const { name, key } of entriesOf(cursor)) {
    if (name === 'start_interval') {
      report.warnOnce(
        'start_interval',
        key,
        'compose-key-ignored',
        'healthcheck.start_interval is ignored: the engine has no such setting',
      );
    } else if (!FIELDS.includes(name) && !name.startsWith('x-')) {
      report.error(key, 'unknown-field', `${key.path} is not a field of a healthcheck`, didYouMean(name, FIELDS));
    }
  }
  const disabled = readBoolean(at(cursor, 'disable'), report) === true;
  return {
    test: disabled ? ['NONE'] : readTest(at(cursor, 'test'), report),
    intervalMs: readDuration(at(cursor, 'interval'), report),
    timeoutMs: readDuration(at(cursor, 'timeout'), report),
    retries: readInteger(at(cursor, 'retries'), report, 0),
    startPeriodMs: readDuration(at(cursor, 'start_period'), report),
  };
}

function readTest(cursor: Cursor | null, report: Report): readonly string[] {
  if (cursor === null || isNull(cursor)) return [];
  if (cursor.node.kind !== 'list') {
    const line = readText(cursor, report);
    return line === null || line === '' ? [] : ['CMD-SHELL', line];
  }
  const words = itemsOf(cursor).map(item => readText(item, report) ?? '');
  const [kind] = words;
  if (kind === 'NONE') return ['NONE'];
  if (words.length === 0) return [];
  if ((kind === 'CMD' || kind === 'CMD-SHELL') && words.length > 1) return words;
  report.expected(cursor, 'a list that begins with CMD, CMD-SHELL or NONE', 'for example [CMD, curl, -f, http://localhost]');
  return [];
}
