import type { Diagnostic } from './diagnostic.ts';
import { dotted, type YamlPath } from './yaml-node.ts';

/** What was found besides the diagnostics themselves. */
export interface Causes {
  /** Variables without a value. */
  readonly unset: readonly Diagnostic[];
  /** Parts of mesh.yaml that were taken out because they are wrong. */
  readonly removed: readonly YamlPath[];
  /** A compose file could not be read: any service may be missing. */
  readonly composeMissing: boolean;
}

/** One mistake, one message: what only follows from an unset variable, from a part that was taken out or from a missing file is left away. */
export function withoutConsequences(diagnostics: readonly Diagnostic[], causes: Causes): readonly Diagnostic[] {
  const { removed } = causes;
  const unset = new Set(causes.unset.map(place));
  const errors = diagnostics.filter(one => one.severity === 'error');
  const errorPlaces = new Set(errors.map(place));
  const errorPaths = new Set(errors.map(one => one.path));
  const namesLost =
    causes.composeMissing ||
    removed.some(
      path => ['services', 'gateways', 'compose'].includes(String(path[0])) && (path.length <= 2 || path[2] === 'versions'),
    );
  const holders = new Set(removed.map(path => dotted(path.slice(0, -1))));
  const follows = (one: Diagnostic): boolean => {
    if (unset.has(place(one))) return true;
    if (one.severity === 'warning') return removed.length > 0 || causes.composeMissing || errorPlaces.has(place(one));
    // A misspelt field is no missing one.
    if (one.code === 'missing-field' || one.code === 'unknown-service') {
      if (holders.has(one.path)) return true;
    }
    if (one.code === 'compose-missing-image') return errorPaths.has(`${one.path}.image`) || errorPaths.has(`${one.path}.build`);
    return namesLost && (one.code === 'unknown-service' || one.code === 'unknown-version');
  };
  return diagnostics.filter(one => !follows(one));
}

function place({ file, line, column }: Diagnostic): string {
  return `${file}:${line}:${column}`;
}
