import type { DependencyConfig } from '../../config/mesh-config.ts';
import type { SourceDependency } from '../../config/service-source.ts';
import { at, type Cursor, entriesOf, itemsOf } from './cursor.ts';
import { didYouMean } from './did-you-mean.ts';
import type { Report } from './report.ts';
import { readBoolean, readText } from './scalar.ts';

const CONDITIONS: readonly DependencyConfig['condition'][] = [
  'service_started',
  'service_healthy',
  'service_completed_successfully',
];

/** Reads `depends_on` (list or map) and what `links` implies: a linked service has to be started. */
export function readDependsOn(dependsOn: Cursor | null, links: Cursor | null, report: Report): readonly SourceDependency[] {
  const found = new Map<string, SourceDependency>();
  const put = (service: string, condition: DependencyConfig['condition'], required: boolean, from: Cursor) =>
    found.set(service, { service, condition, required, at: from.node.at, path: from.path });
  if (links !== null)
    for (const item of itemsOf(links)) put(parseLink(readText(item, report) ?? '').service, 'service_started', true, item);
  if (dependsOn?.node.kind === 'map') {
    for (const { name, key, value } of entriesOf(dependsOn))
      put(name, readCondition(value, report), required(value, report), key);
  } else if (dependsOn !== null) {
    for (const item of itemsOf(dependsOn)) {
      const name = readText(item, report);
      if (name !== null) put(name, 'service_started', true, item);
    }
  }
  return [...found.values()];
}

/** `service` or `service:alias`. */
export function parseLink(written: string): { readonly service: string; readonly alias: string } {
  const colon = written.indexOf(':');
  if (colon < 0) return { service: written, alias: written };
  return { service: written.slice(0, colon), alias: written.slice(colon + 1) };
}

function readCondition(value: Cursor, report: Report): DependencyConfig['condition'] {
  const cursor = at(value, 'condition');
  for (const { name, key } of entriesOf(value)) {
    if (name === 'restart') {
      report.warnOnce(
        'depends_on.restart',
        key,
        'compose-key-ignored',
        'depends_on.restart is ignored: the mesh keeps calls working while a dependency restarts',
      );
    } else if (name !== 'condition' && name !== 'required' && !name.startsWith('x-')) {
      report.error(
        key,
        'unknown-field',
        `${key.path} is not a field of a dependency`,
        didYouMean(name, ['condition', 'required', 'restart']),
      );
    }
  }
  const written = readText(cursor, report);
  if (cursor === null || written === null) return 'service_started';
  const condition = CONDITIONS.find(known => known === written);
  if (condition === undefined) report.expected(cursor, CONDITIONS.join(', '), didYouMean(written, CONDITIONS));
  return condition ?? 'service_started';
}

function required(value: Cursor, report: Report): boolean {
  return readBoolean(at(value, 'required'), report) ?? true;
}
