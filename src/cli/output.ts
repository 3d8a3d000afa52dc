import { styleText } from 'node:util';
import { escapeKeepingColours, escapeLines, jsonText } from '../text/escape.ts';

type Style = 'red' | 'green' | 'yellow' | 'cyan' | 'magenta' | 'blue' | 'bold' | 'dim';

/** A stream to write to; `process.stdout` is one. */
export interface TextStream {
  write(text: string): boolean;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** Where a command writes: data on stdout, everything about the work on stderr. */
export class Output {
  readonly #stdout: TextStream;
  readonly #stderr: TextStream;
  readonly #colour: { readonly stdout: boolean; readonly stderr: boolean };
  /** How this very project is called on a command line: `mesh`, with its -f and -p. */
  readonly mesh: string;

  constructor(
    stdout: TextStream,
    stderr: TextStream,
    colour: { readonly stdout: boolean; readonly stderr: boolean },
    mesh = 'mesh',
  ) {
    this.mesh = mesh;
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#colour = colour;
  }

  /** Which streams take colours. */
  get colours(): { readonly stdout: boolean; readonly stderr: boolean } {
    return this.#colour;
  }

  /** Writes one line of data. */
  data(line: string): void {
    this.#stdout.write(`${shown(line, this.#colour.stdout)}\n`);
  }

  /** Writes data as it is, without a newline. */
  raw(text: string): void {
    this.#stdout.write(text);
  }

  /** Shows lines in place of what is on the terminal, as many as there is room for. */
  redraw(lines: readonly string[]): void {
    const room = this.#stdout.rows || 24;
    const shownLines = lines.slice(0, room).map(line => `${shown(line, this.#colour.stdout)}\u001b[K`);
    this.#stdout.write(`\u001b[H${shownLines.join('\n')}\u001b[J`);
  }

  /** Commands between backticks get this project's -f and -p: without them they would mean another copy. */
  addressed(text: string): string {
    return text.replaceAll(/`mesh (?!-)/g, () => `\`${this.mesh} `);
  }

  /** Writes one JSON document, for people on a terminal with indentation. */
  json(value: unknown): void {
    this.#stdout.write(`${jsonText(value, this.#stdout.isTTY ? 2 : 0)}\n`);
  }

  /** Writes one line about the work. */
  note(line: string): void {
    this.#stderr.write(`${shown(line, this.#colour.stderr)}\n`);
  }

  /** Writes control sequences and text of a live display. */
  draw(text: string): void {
    this.#stderr.write(text);
  }

  /** Whether data goes to a terminal (tables may be fitted and coloured). */
  get dataIsTty(): boolean {
    return this.#stdout.isTTY === true;
  }

  /** Width of the terminal that shows progress. */
  get columns(): number {
    // A terminal that does not know its size says 0.
    return this.#stderr.columns || 80;
  }

  /** Colours text for stdout, where colours are on. */
  paint(style: Style, text: string): string {
    return this.#colour.stdout ? styleText(style, text, { validateStream: false }) : text;
  }

  /** Colours text for stderr, where colours are on. */
  tint(style: Style, text: string): string {
    return this.#colour.stderr ? styleText(style, text, { validateStream: false }) : text;
  }
}

/** Whether to colour a stream: `--ansi`, then NO_COLOR, FORCE_COLOR and TERM=dumb, then whether it is a terminal. */
export function wantsColour(
  ansi: 'auto' | 'never' | 'always',
  stream: TextStream,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if (ansi !== 'auto') return ansi === 'always';
  if (env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '') return false;
  if (env['FORCE_COLOR'] !== undefined && env['FORCE_COLOR'] !== '' && env['FORCE_COLOR'] !== '0') return true;
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}

/** The last line of defence: whatever a command prints, a terminal obeys nothing but our colours. Who takes in text of others escapes it first. */
function shown(text: string, coloured: boolean): string {
  return coloured ? escapeKeepingColours(text) : escapeLines(text);
}
