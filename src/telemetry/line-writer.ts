import type { Writable } from 'node:stream';
import type { Clock } from '../async/clock.ts';

/** While this much waits to be written, further lines are dropped: a slow reader of the log must not hold up traffic or fill the memory. */
const maxWaitingBytes = 4 * 1024 * 1024;
/** As much as fits into a pipe (64 KiB on Linux) whose reader is half a step behind. */
const fullBytes = 32 * 1024;
/** How long a line may wait for others. Nobody who follows a log sees it, and at 1,000 requests a second it saves 19 of 20 system calls. */
const flushMs = 20;

/** Writes lines to a stream, many with one system call. */
export class LineWriter {
  readonly #out: Writable;
  readonly #clock: Clock;
  #lines = '';
  #dropped = 0;
  #cancel: (() => void) | null = null;

  constructor(out: Writable, clock: Clock) {
    this.#out = out;
    this.#clock = clock;
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
    this.#lines += `${line}\n`;
    if (this.#lines.length >= fullBytes) this.flush();
    else this.#cancel ??= this.#clock.after(flushMs, () => this.flush());
  }

  /** Writes what waits, as before the process ends. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = null;
    const lines = this.#lines;
    this.#lines = '';
    if (lines !== '' && !this.#out.destroyed) this.#out.write(lines);
  }
}
