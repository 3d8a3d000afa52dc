import type { Writable } from 'node:stream';

/** While this much waits to be written, further lines are dropped: a slow reader of the log must not hold up traffic or fill the memory. */
const maxWaitingBytes = 4 * 1024 * 1024;

/** Writes lines to a stream, one write per turn of the event loop however many lines there were. */
export class LineWriter {
  readonly #out: Writable;
  #lines = '';
  #dropped = 0;

  constructor(out: Writable) {
    this.#out = out;
    out.on('error', () => {});
  }

  /** Lines that were thrown away because the reader was too slow. */
  get dropped(): number {
    return this.#dropped;
  }

  /** `line` without its newline. */
  write(line: string): void {
    if (this.#out.writableLength + this.#lines.length > maxWaitingBytes) {
      this.#dropped++;
      return;
    }
    if (this.#lines === '') setImmediate(() => this.#flush());
    this.#lines += `${line}\n`;
  }

  #flush(): void {
    const lines = this.#lines;
    this.#lines = '';
    if (!this.#out.destroyed) this.#out.write(lines);
  }
}
