import { exitCodes, MeshError } from './mesh-error.ts';

/** A second start, exit code 3: says which copy of which project runs already. `name` is `null` where nobody wrote it down. */
export function alreadyRunning(
  { dir, socket }: { readonly dir: string; readonly socket: string },
  { name, pid }: { readonly name: string | null; readonly pid: number | null },
  hint = 'edits to mesh.yaml are applied by it; `mesh status` shows it, `mesh down` ends it',
): MeshError {
  const what = name === null ? dir : `${name} in ${dir}`;
  return new MeshError(
    'already-running',
    `a mesh daemon already runs for ${what} (pid ${pid ?? 'unknown'}, socket ${socket})`,
    hint,
    exitCodes.alreadyRunning,
  );
}
