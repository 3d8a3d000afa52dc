import type { BuildConfig } from '../../config/mesh-config.ts';
import { escapeLine } from '../../text/escape.ts';
import { absolutePath, type Context } from './context.ts';
import { at, type Cursor, entriesOf, isNull, textNode } from './cursor.ts';
import { didYouMean } from './did-you-mean.ts';
import { readPairs, readText } from './scalar.ts';

/** Fields that only tune the build or need BuildKit, which the mesh does not depend on. */
const IGNORED = new Set([
  ...['additional_contexts', 'cache_from', 'cache_to', 'entitlements', 'extra_hosts', 'isolation', 'network', 'no_cache'],
  ...[
    'no_cache_filter',
    'platforms',
    'privileged',
    'provenance',
    'pull',
    'sbom',
    'secrets',
    'shm_size',
    'ssh',
    'tags',
    'ulimits',
  ],
]);
const HONOURED = ['context', 'dockerfile', 'dockerfile_inline', 'args', 'target', 'labels'];

/** Reads `build`, a folder or a map. Arguments without a value come from the shell; `null` where nothing is built. */
export function readBuild(cursor: Cursor | null, context: Context): BuildConfig | null {
  if (cursor === null || isNull(cursor)) return null;
  const { report } = context;
  if (cursor.node.kind === 'list') {
    report.expected(cursor, 'a folder or a map', 'for example {context: ., dockerfile: Dockerfile}');
    return null;
  }
  const long = cursor.node.kind === 'map';
  for (const { name, key } of entriesOf(cursor)) {
    if (IGNORED.has(name)) {
      report.warnOnce(
        `build.${name}`,
        key,
        'compose-key-ignored',
        `build.${name} is ignored by the mesh`,
        'build the image beforehand if it is needed',
      );
    } else if (!HONOURED.includes(name) && !name.startsWith('x-')) {
      report.error(key, 'unknown-field', `${key.path} is not a field of build`, didYouMean(name, [...HONOURED, ...IGNORED]));
    }
  }
  const inline = at(cursor, 'dockerfile_inline');
  if (inline !== null)
    report.error(
      inline,
      'compose-unsupported',
      'dockerfile_inline is not supported',
      'write it to a file and name that with dockerfile',
    );
  const contextCursor = long ? at(cursor, 'context') : cursor;
  const folder = readText(contextCursor, report) ?? '.';
  if (/^(https?|git|ssh|docker-image|oci-layout):\/\/|^git@|^github\.com\//.test(folder)) {
    report.error(
      contextCursor ?? cursor,
      'compose-unsupported',
      `build contexts are folders here, found \`${escapeLine(folder)}\``,
      'check it out beside the compose file',
    );
    return null;
  }
  const labels = at(cursor, 'labels');
  return {
    context: absolutePath(folder, contextCursor ?? { node: textNode('.', cursor.node.at), path: cursor.path }, context),
    dockerfile: readText(at(cursor, 'dockerfile'), report) ?? 'Dockerfile',
    args: readPairs(at(cursor, 'args'), report, name => context.variable(name) ?? null),
    target: readText(at(cursor, 'target'), report),
    labels: readPairs(labels, report),
  };
}
