import type { Diagnostic } from './diagnostic.ts';
import type { MeshConfig } from './mesh-config.ts';
import type { ComposeLoader } from './service-source.ts';

/** What a load came to. Errors: `config` is null. Warnings may accompany a config. */
export interface LoadResult {
  readonly config: MeshConfig | null;
  readonly diagnostics: readonly Diagnostic[];
  /** Text of each file read, for printing the frame with a caret. */
  readonly sources: ReadonlyMap<string, string>;
  /** Every file that was read or looked for, absolute: what to watch, also where `config` is null. */
  readonly files: readonly string[];
}

export interface LoadOptions {
  /** Path of mesh.yaml, absolute or relative to the working directory. */
  readonly file: string;
  /** Variables for `${VAR}`: usually process.env; `.env` beside mesh.yaml fills what is missing. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly profiles: readonly string[];
  /** Project name given with `-p`; overrides `name`. */
  readonly project: string | null;
  /** `loadCompose` of interop/compose, handed in by the daemon or the CLI. */
  readonly composeLoader: ComposeLoader;
  /** `--allow-privileged`: docker socket, host mounts and the like become warnings. @default false */
  readonly allowPrivileged?: boolean;
}

/** Reads mesh.yaml and every file it leads to: parse → schema → resolve. Never throws for bad input. */
export async function load(_options: LoadOptions): Promise<LoadResult> {
  throw new Error('not built yet');
}
