import type { Alias, Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import { type Diagnostic, errorAt } from './diagnostic.ts';
import { dotted, type Position, type YamlEntry, type YamlMap, type YamlNode } from './yaml-node.ts';

/** Levels of nesting. The YAML composer is recursive and a deep file can end the process; no real file comes near. */
export const maxDepth = 64;
/** Values after expansion of aliases ("billion laughs"). */
const maxNodes = 50_000;

interface Built {
  readonly node: YamlNode;
  readonly nodes: number;
  readonly depth: number;
}

/** Turns the parser's tree into ours: aliases and merge keys expanded, keys checked, growth counted. */
export class Builder {
  readonly diagnostics: Diagnostic[] = [];
  readonly #at: (offset: number) => Position;
  /** Anchors seen so far; `null` while the anchored value is still being built (a cycle). */
  readonly #anchors = new Map<string, Built | null>();
  readonly #path: (string | number)[] = [];
  /** Too deep or too many values: nothing of it can be used. */
  bomb = false;

  constructor(at: (offset: number) => Position) {
    this.#at = at;
  }

  build(node: Node): YamlNode {
    return this.#build(node).node;
  }

  #build(node: Node | null, near = 0): Built {
    if (node === null) return nothing(this.#at(near));
    if (isAlias(node)) return this.#alias(node);
    const anchor = (node as Scalar | YAMLMap | YAMLSeq).anchor;
    if (anchor !== undefined) this.#anchors.set(anchor, null);
    const built = isMap(node) ? this.#map(node) : isSeq(node) ? this.#list(node) : this.#scalar(node as Scalar);
    if (anchor !== undefined) this.#anchors.set(anchor, built);
    return built;
  }

  #inside(step: string | number, node: Node | null, near: number): Built {
    this.#path.push(step);
    const built = this.#build(node, near);
    this.#path.pop();
    return built;
  }

  #scalar(node: Scalar): Built {
    const value = node.value as string | number | boolean | null;
    const quoted = node.type !== undefined && node.type !== 'PLAIN';
    const source = quoted ? String(value) : (node.source ?? '');
    return leaf({ kind: 'scalar', value, source, quoted, at: this.#at(start(node)), tag: node.tag ?? null });
  }

  #list(node: YAMLSeq): Built {
    const items = node.items.map((item, index) => this.#inside(index, item as Node | null, start(node)));
    const at = this.#at(start(node));
    return this.#grown({ kind: 'list', items: items.map(item => item.node), at, tag: node.tag ?? null }, items);
  }

  #map(node: YAMLMap): Built {
    const entries = new Map<string, YamlEntry>();
    const merged: Built[] = [];
    const values: Built[] = [];
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const keyAt = this.#at(start(pair.key));
      const key = this.#key(pair.key, keyAt);
      if (key === null) continue;
      const value = this.#inside(key, pair.value, start(pair.key));
      values.push(value);
      if (key === '<<' && isScalar(pair.key) && pair.key.type === 'PLAIN') {
        merged.push(value);
        this.#checkMerge(value.node);
        continue;
      }
      const first = entries.get(key);
      if (first === undefined) entries.set(key, { keyAt, value: value.node });
      else this.#duplicate(key, keyAt, first.keyAt);
    }
    for (const { node: source } of merged) {
      const maps = source.kind === 'list' ? source.items : [source];
      for (const map of maps) {
        if (map.kind !== 'map') continue;
        for (const [key, entry] of map.entries) if (!entries.has(key)) entries.set(key, entry);
      }
    }
    const map: YamlMap = { kind: 'map', entries, at: this.#at(start(node)), tag: node.tag ?? null };
    return this.#grown(map, values);
  }

  #key(key: Node | null, at: Position): string | null {
    if (isScalar(key) && key.value !== null) {
      const text = key.type === 'PLAIN' ? (key.source ?? String(key.value)) : String(key.value);
      if (text !== '__proto__') return text;
      this.diagnostics.push(
        errorAt({
          code: 'reserved-name',
          at,
          path: dotted([...this.#path, text]),
          message: '`__proto__` is not a name',
          hint: 'choose another name',
        }),
      );
      return null;
    }
    this.diagnostics.push(
      errorAt({
        code: 'bad-key',
        at,
        message: 'a key must be a single word or text',
        hint: 'write `key: value`; quote unusual keys',
      }),
    );
    return null;
  }

  #alias(alias: Alias): Built {
    const at = this.#at(start(alias));
    const target = this.#anchors.get(alias.source);
    if (target !== undefined && target !== null) return target;
    const name = alias.source;
    this.diagnostics.push(
      target === null
        ? errorAt({
            code: 'cyclic-alias',
            at,
            path: dotted(this.#path),
            message: `\`*${name}\` is cyclic: it stands inside \`&${name}\` itself`,
            hint: 'give the common part an anchor of its own',
          })
        : errorAt({
            code: 'unknown-alias',
            at,
            path: dotted(this.#path),
            message: `\`*${name}\` has no anchor`,
            hint: `write \`&${name}\` before the value it stands for, above this line`,
          }),
    );
    return nothing(at);
  }

  #checkMerge(node: YamlNode): void {
    const parts = node.kind === 'list' ? node.items : [node];
    if (parts.every(part => part.kind === 'map')) return;
    this.diagnostics.push(
      errorAt({
        code: 'bad-merge',
        at: node.at,
        path: dotted(this.#path),
        message: '`<<` merges mappings only',
        hint: 'write `<<: *anchor` of a mapping',
      }),
    );
  }

  #duplicate(key: string, at: Position, first: Position): void {
    this.diagnostics.push(
      errorAt({
        code: 'duplicate-key',
        at,
        path: dotted([...this.#path, key]),
        message: `duplicate key \`${key}\`: first written on line ${first.line}`,
        hint: 'keep one of the two',
      }),
    );
  }

  #grown(node: YamlNode, parts: readonly Built[]): Built {
    const nodes = parts.reduce((sum, part) => sum + part.nodes, 1);
    const depth = parts.reduce((most, part) => Math.max(most, part.depth), 0) + 1;
    if (!this.bomb && depth > maxDepth) this.diagnostics.push(tooDeep(node.at));
    if (!this.bomb && nodes > maxNodes) {
      this.diagnostics.push(
        errorAt({
          code: 'alias-bomb',
          at: node.at,
          message: `the file is too large in size once its aliases are expanded: more than ${maxNodes} values`,
          hint: 'use fewer aliases of aliases',
        }),
      );
    }
    this.bomb ||= depth > maxDepth || nodes > maxNodes;
    return this.bomb ? nothing(node.at) : { node, nodes, depth };
  }
}

function leaf(node: YamlNode): Built {
  return { node, nodes: 1, depth: 0 };
}

function nothing(at: Position): Built {
  return leaf({ kind: 'scalar', value: null, source: '', quoted: false, at, tag: null });
}

function start(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}

/** What is said of a file with more than `maxDepth` levels. */
export function tooDeep(at: Position): Diagnostic {
  return errorAt({
    code: 'too-deep',
    at,
    message: `nesting is too deep: the depth is above ${maxDepth} levels`,
    hint: 'a configuration needs fewer than ten',
  });
}
