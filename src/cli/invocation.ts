import type { Backend, Project } from '../api/backend.ts';
import type { Output } from './output.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly file?: readonly string[];
  readonly projectName?: string;
  readonly profile?: readonly string[];
  readonly envFile?: readonly string[];
  /** Only of commands that read the configuration. */
  readonly allowPrivileged?: boolean;
  readonly progress?: ProgressStyle;
  readonly ansi?: 'auto' | 'never' | 'always';
}

/** `auto`: `tty` where stderr is a terminal, else `plain`. */
export type ProgressStyle = 'auto' | 'tty' | 'plain' | 'json' | 'quiet';

/** What a command is handed: nothing in it is read from the process again. */
export interface Invocation {
  readonly project: Project;
  readonly output: Output;
  readonly progress: Exclude<ProgressStyle, 'auto'>;
  /** Global arguments as given, to start `mesh daemon` with the same. */
  readonly globalArgs: readonly string[];
  /** Loads the daemon's and the engine's side; only commands that need them pay for it. */
  backend(): Promise<Backend>;
}

/** One command: resolves to the exit code. */
export type Command<Options> = (invocation: Invocation, args: readonly string[], options: Options) => Promise<number>;
