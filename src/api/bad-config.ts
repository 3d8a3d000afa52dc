import { exitCodes, MeshError } from './mesh-error.ts';

/** A configuration with errors, exit code 2; `text` is all of them, printed. A file that is not there needs no count. */
export function badConfig(
  diagnostics: readonly { readonly code: string; readonly severity: string; readonly line: number | null }[],
  text: string,
): MeshError {
  const errors = diagnostics.filter(each => each.severity === 'error');
  const missing = errors.length === 1 && errors[0]?.code === 'file-not-found' && errors[0].line === null;
  const message = missing ? '' : `the configuration has ${errors.length} error${errors.length === 1 ? '' : 's'}`;
  return new MeshError('bad-config', message, '', exitCodes.issues, text);
}
