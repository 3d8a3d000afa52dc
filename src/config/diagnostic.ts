import type { Position } from './yaml-node.ts';

/** Invalid input is data: everything wrong with a configuration, in the order of the file. */
export interface Diagnostic {
  /** Stable, greppable kebab-case name of the mistake, documented in docs/errors.md, e.g. `unknown-field`. */
  readonly code: string;
  readonly severity: 'error' | 'warning';
  /** File as the user named it; `null` where no file is at fault (engine state). */
  readonly file: string | null;
  /** 1-based; `null` where there is no position (empty or missing file). */
  readonly line: number | null;
  readonly column: number | null;
  /** Dotted path such as `services.web.port` or `routes.reviews[1].split`. Empty for the whole document. */
  readonly path: string;
  /** One sentence: what is wrong, with the value found (shortened, escaped, secrets masked). */
  readonly message: string;
  /** What would be right, with an example or the nearest known name. Empty where there is nothing to add. */
  readonly hint: string;
  /** Something that the user may say yes to, in words that are the same as long as it is the same. */
  readonly grant?: string;
}

/** What every diagnostic needs beside its severity. */
export interface DiagnosticParts {
  readonly code: string;
  /** `null`: no place in a file is at fault. */
  readonly at: Position | null;
  /** @default '' */
  readonly path?: string;
  readonly message: string;
  /** @default '' */
  readonly hint?: string;
}

/** A diagnostic that stops the configuration from being used. */
export function errorAt(parts: DiagnosticParts): Diagnostic {
  return build('error', parts);
}

/** A diagnostic that does not stop the configuration from being used. */
export function warningAt(parts: DiagnosticParts): Diagnostic {
  return build('warning', parts);
}

/** In the order of the files and their lines, each thing said once. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Map<string, Diagnostic>();
  for (const one of diagnostics) seen.set([one.file, one.line, one.column, one.code, one.path, one.message].join('\0'), one);
  return [...seen.values()].sort(
    (a, b) =>
      compareText(a.file ?? '', b.file ?? '') ||
      (a.line ?? 0) - (b.line ?? 0) ||
      (a.column ?? 0) - (b.column ?? 0) ||
      compareText(a.code, b.code) ||
      compareText(a.path, b.path),
  );
}

/** Byte order, the same on every machine (no locale). */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function build(severity: Diagnostic['severity'], { code, at, path = '', message, hint = '' }: DiagnosticParts): Diagnostic {
  return { code, severity, file: at?.file ?? null, line: at?.line ?? null, column: at?.column ?? null, path, message, hint };
}
