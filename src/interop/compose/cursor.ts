import type { Place } from '../../config/service-source.ts';
import type { Position, YamlMap, YamlNode, YamlScalar } from '../../config/yaml-node.ts';

/** A value together with its dotted path in the document, for diagnostics. */
export interface Cursor<N extends YamlNode = YamlNode> {
  readonly node: N;
  readonly path: string;
}

/** The value under a key; `null` when the node is no map or has no such key. */
export function at(cursor: Cursor, key: string): Cursor | null {
  if (cursor.node.kind !== 'map') return null;
  const entry = cursor.node.entries.get(key);
  if (entry === undefined) return null;
  // `key:` with nothing behind it has no text to point at: its key is the better place.
  const node = isNothing(entry.value) ? { ...entry.value, at: entry.keyAt } : entry.value;
  return { node, path: join(cursor.path, key) };
}

/** All entries of a map in the order of the file; `key` stands at the key, for mistakes in the name itself. */
export function entriesOf(cursor: Cursor): readonly { readonly name: string; readonly key: Cursor; readonly value: Cursor }[] {
  if (cursor.node.kind !== 'map') return [];
  return [...cursor.node.entries].map(([name, entry]) => {
    const path = join(cursor.path, name);
    return { name, key: { node: textNode(name, entry.keyAt), path }, value: { node: entry.value, path } };
  });
}

/** All items of a list; a single value counts as a list of one, null as none (compose allows both in many places). */
export function itemsOf(cursor: Cursor): readonly Cursor[] {
  if (cursor.node.kind === 'list') return cursor.node.items.map((node, index) => ({ node, path: `${cursor.path}[${index}]` }));
  return isNull(cursor) ? [] : [cursor];
}

/** Where a value stands, for later. */
export function placeOf({ node, path }: Cursor): Place {
  return { at: node.at, path };
}

/** Whether nothing is written (`key:` or `key: null`). */
export function isNull(cursor: Cursor): boolean {
  return cursor.node.kind === 'scalar' && cursor.node.value === null;
}

/** Dotted path of a child. */
export function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

/** A scalar made out of a longer text, standing where that text stands. */
export function textNode(value: string, position: Position): YamlScalar {
  return { kind: 'scalar', value, source: value, quoted: true, at: position, tag: null };
}

/** A map made by expanding a short form. */
export function mapNode(entries: Iterable<readonly [string, YamlNode]>, position: Position, tag: string | null = null): YamlMap {
  return {
    kind: 'map',
    at: position,
    tag,
    entries: new Map([...entries].map(([name, value]) => [name, { keyAt: value.at, value }])),
  };
}

function isNothing(node: YamlNode): boolean {
  return node.kind === 'scalar' && node.value === null && node.source === '';
}
