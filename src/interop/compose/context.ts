import { homedir } from 'node:os';
import { resolve } from 'node:path';
import type { Cursor } from './cursor.ts';
import type { Report } from './report.ts';

/** A file or an environment variable that a top-level `secrets` or `configs` entry names. */
export type ContentSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'environment'; readonly variable: string };

/** What converters need besides the value itself: where it stands in the project. */
export interface Context {
  readonly report: Report;
  /** Project name; build results are tagged with it. */
  readonly project: string;
  /** A variable of the shell or of `.env`. */
  readonly variable: (name: string) => string | undefined;
  /** Absolute folder that relative paths in a file start from, by the file's name in positions. */
  readonly baseDirOf: (file: string) => string;
  /** Text of a file; `null` where there is none. */
  readonly readFile: (path: string) => string | null;
  /** Declared top-level volumes, secrets and configs. */
  readonly volumes: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
  readonly configs: ReadonlyMap<string, ContentSource>;
}

/** A path as compose means it: `~` is the home folder, the rest starts from the folder of the file it is written in. */
export function absolutePath(written: string, cursor: Cursor, context: Pick<Context, 'variable' | 'baseDirOf'>): string {
  if (written === '~' || written.startsWith('~/')) return resolve(context.variable('HOME') ?? homedir(), written.slice(2));
  return resolve(context.baseDirOf(cursor.node.at.file), written);
}
