import { relative } from 'node:path';
import type { Project } from '../api/backend.ts';
import type { PrintedDiagnostic } from '../api/types.ts';
import { load } from '../config/load.ts';
import type { MeshConfig } from '../config/mesh-config.ts';
import { printDiagnostic } from '../config/print.ts';
import { loadCompose } from '../interop/compose/load-compose.ts';

/** What the files say now. */
export interface ReadConfig {
  /** `null` where there are errors. */
  readonly config: MeshConfig | null;
  readonly diagnostics: readonly PrintedDiagnostic[];
  /** Absolute; what to watch, also when the configuration is broken. */
  readonly files: readonly string[];
}

/** Reads the project's files. Never throws for bad input. */
export async function readConfig(project: Project): Promise<ReadConfig> {
  const { file, env, profiles, name } = project;
  const { config, diagnostics, sources, files } = await load({ file, env, profiles, project: name, composeLoader: loadCompose });
  return {
    config,
    diagnostics: diagnostics.map(each => ({ ...each, text: printDiagnostic(each, { sources, cwd: project.dir }).trimEnd() })),
    files: [...new Set([file, ...files])],
  };
}

/** How the user calls the file. */
export function shortName(project: Project): string {
  return relative(project.dir, project.file) || project.file;
}
