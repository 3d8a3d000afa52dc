import { relative } from 'node:path';
import { escapeLine } from '../text/escape.ts';
import type { Diagnostic } from './diagnostic.ts';

/** What the printing of diagnostics needs. */
export interface PrintOptions {
  /** Text of each file by the name its diagnostics use. */
  readonly sources: ReadonlyMap<string, string>;
  /** ANSI colours. @default false */
  readonly color?: boolean;
  /** Folder that absolute file names are shown relative to. @default none */
  readonly cwd?: string;
}

/** Lines longer than a terminal help nobody; the frame shows the part around the column. */
const maxWidth = 120;

/** Every diagnostic with its source lines and a caret, an empty line between them. Empty for none; no newline at the end. */
export function printDiagnostics(diagnostics: readonly Diagnostic[], options: PrintOptions): string {
  return diagnostics.map(one => printDiagnostic(one, options)).join('\n\n');
}

/** One diagnostic: `file:line:column: error code`, path and message, three source lines with a caret, hint. */
export function printDiagnostic(diagnostic: Diagnostic, options: PrintOptions): string {
  const paint = painter(options.color ?? false);
  const { line, column } = diagnostic;
  const name = diagnostic.file === null ? 'mesh' : short(diagnostic.file, options.cwd);
  const place = [name, ...(line === null ? [] : [line]), ...(column === null ? [] : [column])].join(':');
  const severity = diagnostic.severity === 'error' ? paint('31;1', 'error') : paint('33;1', 'warning');
  // Some messages name the path themselves.
  const named = diagnostic.path === '' || diagnostic.message.includes(diagnostic.path);
  const path = named ? '' : `${paint('1', escapeLine(diagnostic.path))}: `;
  const text = diagnostic.file === null ? undefined : options.sources.get(diagnostic.file);
  const frame = text === undefined || line === null ? [] : codeFrame(text, line, column ?? 1, paint);
  const hint = diagnostic.hint === '' ? [] : [`  ${paint('36', 'hint')}: ${escapeLine(diagnostic.hint)}`];
  const head = `${paint('1', escapeLine(place))}: ${severity} ${paint('2', `[${diagnostic.code}]`)}`;
  return [head, `  ${path}${escapeLine(diagnostic.message)}`, ...frame, ...hint].join('\n');
}

type Paint = (code: string, text: string) => string;

function codeFrame(text: string, line: number, column: number, paint: Paint): string[] {
  const lines = text.split(/\r?\n/).map(withoutKeys);
  const from = Math.max(1, line - 1);
  const to = Math.min(lines.length, line + 1);
  const width = String(to).length;
  // A far column: every line of the frame loses the same beginning.
  const cut = column > maxWidth - 20 ? column - 40 : 0;
  const frame: string[] = [];
  for (let number = from; number <= to; number++) {
    const content = lines[number - 1] ?? '';
    if (number === lines.length && content === '' && number !== line) continue;
    const shownLine = visible(content.slice(cut, cut + maxWidth));
    const marker = number === line ? paint('31;1', '>') : ' ';
    frame.push(`  ${marker} ${paint('2', `${String(number).padStart(width)} |`)} ${shownLine}`.trimEnd());
    if (number !== line) continue;
    const before = visible(content.slice(cut, column - 1)).length;
    frame.push(`    ${' '.repeat(width)} ${paint('2', '|')} ${' '.repeat(before)}${paint('31;1', '^')}`);
  }
  return frame;
}

/** The private parts of a JWK, and a password in a URL, as long as they were: the caret stays where it belongs. */
function withoutKeys(line: string): string {
  return line
    .replace(
      /(\b(?:d|p|q|dp|dq|qi|k)["']?\s*:\s*["']?)([\w-]{16,})/g,
      (_, name: string, key: string) => name + '*'.repeat(key.length),
    )
    .replace(/(:\/\/)([^/\s"'@]+)(?=@)/g, (_, start: string, user: string) => start + '*'.repeat(user.length));
}

/** As the terminal shows it: tabs as one arrow, control characters as escapes. */
function visible(text: string): string {
  return escapeLine(text.replaceAll('\t', '→'));
}

function short(file: string, cwd: string | undefined): string {
  if (cwd === undefined) return file;
  const way = relative(cwd, file);
  return way !== '' && !way.startsWith('..') ? way : file;
}

function painter(color: boolean): Paint {
  return color ? (code, text) => `\u001b[${code}m${text}\u001b[0m` : (_code, text) => text;
}
