/** A failure that a user can do something about: printed as one message and one hint, never with a stack. */
export class MeshError extends Error {
  /** Stable kebab-case name. */
  readonly code: string;
  /** What to do; empty where there is nothing to add. */
  readonly hint: string;
  /** Exit code that the CLI ends with. */
  readonly exitCode: number;
  /** Text to print above the message as it is, e.g. diagnostics with their frames; usually empty. */
  readonly details: string;

  constructor(code: string, message: string, hint = '', exitCode: number = exitCodes.failure, details = '') {
    super(message);
    this.name = 'MeshError';
    this.code = code;
    this.hint = hint;
    this.exitCode = exitCode;
    this.details = details;
  }
}

/** Exit codes of `mesh`. @see docs/cli.md */
export const exitCodes = {
  ok: 0,
  failure: 1,
  /** `validate` found errors, or the configuration has some. */
  issues: 2,
  /** A daemon already runs for this folder. */
  alreadyRunning: 3,
  /** Wrong command line (BSD's EX_USAGE). */
  usage: 64,
  /** Ended by Ctrl-C (128 + SIGINT). */
  interrupted: 130,
} as const;

/** Reads the fields of a MeshError from any thrown value that carries them (RuntimeError does); `null` for a bug. */
export function asMeshError(error: unknown): MeshError | null {
  if (error instanceof MeshError) return error;
  if (!(error instanceof Error)) return null;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null;
  const hint = 'hint' in error && typeof error.hint === 'string' ? error.hint : null;
  if (code === null || hint === null) return null;
  return new MeshError(code, error.message, hint);
}
