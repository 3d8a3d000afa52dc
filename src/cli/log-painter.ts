import type { LogLine } from '../api/backend.ts';
import { harmless, type Output } from './output.ts';

const colours = ['cyan', 'yellow', 'green', 'magenta', 'blue'] as const;

/** Prints log lines as compose does: the workload's name in its colour, then the text. */
export class LogPainter {
  readonly #output: Output;
  readonly #names: string[] = [];
  readonly #prefix: boolean;
  #width: number;

  /** `names`: workloads known so far, for one width of the prefix. */
  constructor(output: Output, names: readonly string[], prefix = true) {
    this.#output = output;
    this.#prefix = prefix;
    this.#width = Math.max(0, ...names.map(name => name.length));
    this.#names.push(...names);
  }

  print({ workload, text }: LogLine): void {
    if (!this.#prefix) {
      this.#output.data(text);
      return;
    }
    if (!this.#names.includes(workload)) this.#names.push(workload);
    this.#width = Math.max(this.#width, workload.length);
    const colour = colours[this.#names.indexOf(workload) % colours.length] ?? 'cyan';
    // A terminal must not obey what an app prints into a shared view; a pipe gets the bytes.
    const safe = this.#output.dataIsTty ? keepColours(text) : text;
    this.#output.data(`${this.#output.paint(colour, `${workload.padEnd(this.#width)} |`)} ${safe}`);
  }
}

/** Colours (SGR) of the app pass, everything else that moves a cursor or sets a title does not. */
function keepColours(text: string): string {
  return text
    .split(/(\u001b\[[0-9;]*m)/)
    .map((part, index) => (index % 2 === 1 ? part : harmless(part)))
    .join('');
}
