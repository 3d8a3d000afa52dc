import type { LogLine } from '../api/backend.ts';
import { escapeKeepingColours } from '../text/escape.ts';
import type { Output } from './output.ts';

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
    // A terminal must not obey what an app prints; a pipe gets the bytes.
    const safe = this.#output.dataIsTty ? escapeKeepingColours(text.replace(/\r$/, '')) : text;
    if (!this.#prefix) {
      this.#output.raw(`${safe}\n`);
      return;
    }
    if (!this.#names.includes(workload)) this.#names.push(workload);
    this.#width = Math.max(this.#width, workload.length);
    const colour = colours[this.#names.indexOf(workload) % colours.length] ?? 'cyan';
    this.#output.raw(`${this.#output.paint(colour, `${workload.padEnd(this.#width)} |`)} ${safe}\n`);
  }
}
