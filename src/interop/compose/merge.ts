import type { YamlEntry, YamlMap, YamlNode } from '../../config/yaml-node.ts';
import { mapNode, textNode } from './cursor.ts';

/** Tags by which a later file takes an earlier value away or replaces it whole; the parser lets them through. */
export const mergeTags: readonly string[] = ['!reset', '!override'];

/** Lists that are one value: a later one replaces the earlier. */
const REPLACED = new Set(['command', 'entrypoint', 'healthcheck.test']);
/** Lists of NAME=value that are maps in another spelling. */
const PAIRS = new Set(['environment', 'labels', 'annotations', 'sysctls', 'build.args', 'build.labels']);
/** Lists of names that are maps in another spelling. */
const NAMES = new Set(['depends_on', 'networks']);
/** One value that is a list in another spelling. */
const SINGLES = new Set(['env_file', 'tmpfs', 'dns', 'dns_search']);

/**
 * Puts a later compose document over an earlier one by compose's rules: maps are merged, lists appended, single values replaced,
 * `!override` replaces, `!reset` takes away.
 * @see https://docs.docker.com/reference/compose-file/merge/
 */
export function mergeDocuments(earlier: YamlMap, later: YamlMap): YamlMap {
  return mergeMaps(earlier, later, (name, one, other) => {
    if (one.kind !== 'map' || other.kind !== 'map') return later.entries.get(name)?.value ?? other;
    return mergeMaps(one, other, (_, a, b) => {
      if (name === 'services' && a.kind === 'map' && b.kind === 'map') return mergeServices(a, b);
      return mergeValues('', a, b);
    });
  });
}

/** Puts a later service over an earlier one: another file's, or the one it extends. */
export function mergeServices(earlier: YamlMap, later: YamlMap): YamlMap {
  return mergeMaps(earlier, later, (name, one, other) => mergeValues(name, one, other));
}

function mergeMaps(earlier: YamlMap, later: YamlMap, merge: (name: string, one: YamlNode, other: YamlNode) => YamlNode): YamlMap {
  const entries = new Map<string, YamlEntry>(earlier.entries);
  for (const [name, entry] of later.entries) {
    const known = entries.get(name);
    if (entry.value.tag === '!reset') entries.delete(name);
    else if (known === undefined || entry.value.tag === '!override') entries.set(name, entry);
    else entries.set(name, { keyAt: entry.keyAt, value: merge(name, known.value, entry.value) });
  }
  return { ...later, entries };
}

/** `rule` is the path below the service, as far as the rules above name it. */
function mergeValues(rule: string, earlier: YamlNode, later: YamlNode): YamlNode {
  if (isNothing(later) && !rule.startsWith('environment.')) return earlier;
  if (REPLACED.has(rule)) return later;
  const one = expand(rule, earlier);
  const other = expand(rule, later);
  if (one.kind === 'map' && other.kind === 'map') {
    // Options of another logging driver mean nothing to this one.
    if (rule === 'logging' && !sameDriver(one, other)) return other;
    return mergeMaps(one, other, (name, a, b) => mergeValues(`${rule}.${name}`, a, b));
  }
  if (one.kind === 'list' && other.kind === 'list') return { ...other, items: appended(one.items, other.items) };
  return other;
}

/** A short form as the long one, so that the two can be merged. */
function expand(rule: string, node: YamlNode): YamlNode {
  if (rule === 'build' && node.kind === 'scalar') return mapNode([['context', node]], node.at);
  if (SINGLES.has(rule) && node.kind !== 'list') return { kind: 'list', at: node.at, tag: null, items: [node] };
  if (rule === 'extra_hosts' && node.kind === 'map') {
    const items = [...node.entries].flatMap(([name, { value }]) =>
      value.kind === 'scalar' ? [textNode(`${name}=${value.source}`, value.at)] : [],
    );
    return { kind: 'list', at: node.at, tag: null, items };
  }
  if (node.kind !== 'list') return node;
  if (PAIRS.has(rule)) return mapNode(node.items.flatMap(pair), node.at);
  if (NAMES.has(rule)) {
    const names = node.items.flatMap(item => (item.kind === 'scalar' ? [[item.source, nothingAt(item)] as const] : []));
    return mapNode(names, node.at);
  }
  return node;
}

function pair(item: YamlNode): readonly (readonly [string, YamlNode])[] {
  if (item.kind !== 'scalar') return [];
  const equals = item.source.indexOf('=');
  if (equals < 0) return [[item.source, nothingAt(item)]];
  return [[item.source.slice(0, equals), textNode(item.source.slice(equals + 1), item.at)]];
}

function appended(earlier: readonly YamlNode[], later: readonly YamlNode[]): readonly YamlNode[] {
  const written = new Set(later.flatMap(item => (item.kind === 'scalar' ? [item.source] : [])));
  return [...earlier.filter(item => item.kind !== 'scalar' || !written.has(item.source)), ...later];
}

function sameDriver(earlier: YamlMap, later: YamlMap): boolean {
  const driver = (map: YamlMap) => {
    const value = map.entries.get('driver')?.value;
    return value?.kind === 'scalar' ? value.source : null;
  };
  return driver(later) === null || driver(earlier) === driver(later);
}

function nothingAt(node: YamlNode): YamlNode {
  return { kind: 'scalar', value: null, source: '', quoted: false, at: node.at, tag: null };
}

/** A document in which nothing is left to reset: what `!reset` found nothing earlier for is simply absent. */
export function withoutResets<N extends YamlNode>(node: N): N {
  if (node.kind === 'list') return { ...node, items: node.items.filter(item => item.tag !== '!reset').map(withoutResets) };
  if (node.kind !== 'map') return node;
  const kept = [...node.entries].filter(([, entry]) => entry.value.tag !== '!reset');
  return { ...node, entries: new Map(kept.map(([name, entry]) => [name, { ...entry, value: withoutResets(entry.value) }])) };
}

function isNothing(node: YamlNode): boolean {
  return node.kind === 'scalar' && node.value === null;
}
