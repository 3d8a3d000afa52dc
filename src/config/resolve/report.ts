import { type Diagnostic, errorAt, warningAt } from '../diagnostic.ts';
import { dotted, nodeAt, type Position, positionAt, type YamlNode, type YamlPath } from '../yaml-node.ts';

/** What a check says of one place. */
export interface Finding {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  /** Point at the key instead of its value. */
  readonly key?: boolean;
}

/** Collects diagnostics of mesh.yaml by dotted path, and of other files by position. */
export class Report {
  readonly diagnostics: Diagnostic[] = [];
  readonly #root: YamlNode;

  constructor(root: YamlNode) {
    this.#root = root;
  }

  /** An error at a path of mesh.yaml. */
  error(path: YamlPath, { key = false, ...finding }: Finding): void {
    this.diagnostics.push(errorAt({ ...finding, at: this.at(path, key), path: dotted(path) }));
  }

  /** A warning at a path of mesh.yaml. */
  warning(path: YamlPath, { key = false, ...finding }: Finding): void {
    this.diagnostics.push(warningAt({ ...finding, at: this.at(path, key), path: dotted(path) }));
  }

  /** A diagnostic anywhere. */
  add(...diagnostics: readonly Diagnostic[]): void {
    this.diagnostics.push(...diagnostics);
  }

  /** Whether mesh.yaml has anything at `path`. */
  has(path: YamlPath): boolean {
    return nodeAt(this.#root, path) !== null;
  }

  /** Whether mesh.yaml has a list at `path`. */
  isList(path: YamlPath): boolean {
    return nodeAt(this.#root, path)?.kind === 'list';
  }

  /** Path of an entry of a field that is written as one value or as a list of them. */
  entry(path: YamlPath, place: number): YamlPath {
    return this.isList(path) ? [...path, place] : path;
  }

  /** The text written at `path`; empty where there is none. */
  text(path: YamlPath): string {
    const node = nodeAt(this.#root, path);
    return node?.kind === 'scalar' ? node.source : '';
  }

  /** Position of the value (or key) at `path`. */
  at(path: YamlPath, key = false): Position {
    return positionAt(this.#root, path, key ? 'key' : 'value');
  }
}
