import type { Diagnostic } from '../diagnostic.ts';
import { plainValue, type YamlNode, type YamlPath } from '../yaml-node.ts';
import { explainIssues } from './issues.ts';
import { type MeshSpec, meshSchema } from './mesh.ts';

/** mesh.yaml against the schema. */
export interface Checked {
  /** With errors: what is left when the wrong parts are taken out, so that references can be checked in the same run. `null`: nothing useful. */
  readonly spec: MeshSpec | null;
  readonly diagnostics: readonly Diagnostic[];
  /** Paths of what was taken out. */
  readonly removed: readonly YamlPath[];
}

/** Taking parts out can uncover the next error (a mapping without its required field): a few rounds end that. */
const maxRounds = 5;

/** Checks the shape of mesh.yaml. `x-…` at the top is the user's own (anchors). */
export function checkShape(root: YamlNode): Checked {
  const value = plainValue(root);
  if (isObject(value)) for (const key of Object.keys(value)) if (key.startsWith('x-')) delete value[key];
  const first = meshSchema.safeParse(value);
  if (first.success) return { spec: first.data, diagnostics: [], removed: [] };
  const explained = explainIssues(first.error.issues, root);
  const diagnostics = explained.map(one => one.diagnostic);
  const removed: YamlPath[] = [];
  let wrong: readonly YamlPath[] = explained.map(one => one.path);
  for (let round = 0; round < maxRounds; round++) {
    const gone: YamlPath[] = [];
    for (const path of wrong)
      if (!gone.some(part => part.every((step, index) => step === path[index]))) gone.push(takeOut(value, path));
    removed.push(...gone);
    const next = meshSchema.safeParse(value);
    if (next.success) return { spec: next.data, diagnostics, removed };
    wrong = explainIssues(next.error.issues, root).map(one => one.path);
  }
  return { spec: null, diagnostics, removed };
}

/** Removes the smallest part of `value` that holds `path` without moving list items (positions go by index). */
function takeOut(value: unknown, path: YamlPath): YamlPath {
  for (let length = path.length; length > 0; length--) {
    const parent = path
      .slice(0, length - 1)
      .reduce<unknown>((at, step) => (isObject(at) || Array.isArray(at) ? (at as never)[step] : undefined), value);
    const key = path[length - 1];
    if (!isObject(parent) || key === undefined || !(key in parent)) continue;
    delete parent[key];
    return path.slice(0, length);
  }
  return [];
}

function isObject(value: unknown): value is Record<string | number, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
