import { stat } from 'node:fs/promises';
import { relative } from 'node:path';
import type { Project } from '../api/backend.ts';
import type { PrintedDiagnostic } from '../api/types.ts';
import type { MeshConfig } from '../config/mesh-config.ts';
import { printDiagnostic } from '../config/print.ts';
import { loadMesh } from '../interop/load-mesh.ts';

/** What the files say now. */
export interface ReadConfig {
  /** `null` where there are errors. */
  readonly config: MeshConfig | null;
  readonly diagnostics: readonly PrintedDiagnostic[];
  /** Absolute; what to watch, also when the configuration is broken. */
  readonly files: readonly string[];
  /** When the newest of them was saved, ms since epoch; `null` where none is there. */
  readonly savedAtMs: number | null;
}

/** Reads the project's files. Never throws for bad input. */
export async function readConfig(project: Project): Promise<ReadConfig> {
  const { file, env, profiles, name, allowPrivileged, granted } = project;
  const { config, diagnostics, sources, files } = await loadMesh({
    file,
    env,
    profiles,
    allowPrivileged,
    granted,
    project: name,
  });
  const all = [...new Set([file, ...files])];
  const times = await Promise.all(
    all.map(each =>
      stat(each).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  const newest = Math.max(...times);
  return {
    config,
    diagnostics: diagnostics.map(each => ({ ...each, text: printDiagnostic(each, { sources, cwd: project.dir }).trimEnd() })),
    files: all,
    savedAtMs: newest > 0 ? newest : null,
  };
}

/** How the user calls the file. */
export function shortName(project: Project): string {
  return relative(project.dir, project.file) || project.file;
}
