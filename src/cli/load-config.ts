import { badConfig } from '../api/bad-config.ts';
import type { LoadResult } from '../config/load.ts';
import type { MeshConfig } from '../config/mesh-config.ts';
import { printDiagnostics } from '../config/print.ts';
import { loadMesh } from '../interop/load-mesh.ts';
import type { Invocation } from './invocation.ts';

/** Reads the project's configuration. */
export function readConfig({ project }: Pick<Invocation, 'project'>): Promise<LoadResult> {
  return loadMesh({
    file: project.file,
    env: project.env,
    profiles: project.profiles,
    allowPrivileged: project.allowPrivileged,
    granted: project.granted,
    project: project.name,
  });
}

/** The configuration, with warnings noted. @throws MeshError `bad-config`, exit code 2, with every diagnostic */
export async function loadConfig(invocation: Pick<Invocation, 'project' | 'output'>): Promise<MeshConfig> {
  const { output } = invocation;
  const result = await readConfig(invocation);
  const text = printDiagnostics(result.diagnostics, {
    sources: result.sources,
    color: output.colours.stderr,
    cwd: process.cwd(),
  }).trimEnd();
  if (result.config === null) throw badConfig(result.diagnostics, text);
  if (text !== '') output.note(text);
  return result.config;
}
