/** Where something stands in a file: 1-based line and column (in characters). */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A parsed YAML value that knows where it stands. Aliases and merge keys are expanded (by sharing), keys are unique strings. */
export type YamlNode = YamlScalar | YamlList | YamlMap;

/** A plain or quoted value. */
export interface YamlScalar {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** The text as written, without quotes: `0644`, `22:22`. */
  readonly source: string;
  readonly quoted: boolean;
  readonly at: Position;
  /** Tag the parser was told to let through (compose's `!reset`, `!override`), or `null`. */
  readonly tag: string | null;
}

/** A sequence. */
export interface YamlList {
  readonly kind: 'list';
  readonly items: readonly YamlNode[];
  readonly at: Position;
  readonly tag: string | null;
}

/** A mapping; `entries` in the order of the file, merged keys (`<<`) last. */
export interface YamlMap {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, YamlEntry>;
  readonly at: Position;
  readonly tag: string | null;
}

/** One key of a mapping with its value. */
export interface YamlEntry {
  readonly keyAt: Position;
  readonly value: YamlNode;
}

/** Steps from a node to something inside it: keys and 0-based indexes. */
export type YamlPath = readonly (string | number)[];

/** The value at `path`, or `null` where there is none. */
export function nodeAt(root: YamlNode, path: YamlPath): YamlNode | null {
  let node: YamlNode | undefined = root;
  for (const step of path) {
    if (node.kind === 'map') node = node.entries.get(String(step))?.value;
    else if (node.kind === 'list') node = node.items[Number(step)];
    else node = undefined;
    if (node === undefined) return null;
  }
  return node;
}

/** Position of the value (or of its key) at `path`; where the path ends early, of the last thing found on the way. */
export function positionAt(root: YamlNode, path: YamlPath, of: 'key' | 'value' = 'value'): Position {
  let node = root;
  let at = root.at;
  for (const [index, step] of path.entries()) {
    const last = index === path.length - 1;
    if (node.kind === 'map') {
      const entry = node.entries.get(String(step));
      if (entry === undefined) return at;
      at = (last && of === 'key') || isNothing(entry.value) ? entry.keyAt : entry.value.at;
      node = entry.value;
    } else if (node.kind === 'list') {
      const item = node.items[Number(step)];
      if (item === undefined) return at;
      at = item.at;
      node = item;
    } else return at;
  }
  return at;
}

/** `services.web.ports[0]`: a path as users read it. */
export function dotted(path: YamlPath): string {
  let text = '';
  for (const step of path) text += typeof step === 'number' ? `[${step}]` : text === '' ? step : `.${step}`;
  return text;
}

/** The value without positions: what a schema checks. */
export function plainValue(node: YamlNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plainValue);
  return Object.fromEntries([...node.entries].map(([key, entry]) => [key, plainValue(entry.value)]));
}

/** `key:` with nothing behind it has no text to point at: its key is the better place. */
function isNothing(node: YamlNode): boolean {
  return node.kind === 'scalar' && node.value === null && node.source === '';
}
