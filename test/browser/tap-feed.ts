import type { TapLine, TapRequest } from '../../src/api/tap.ts';

/** A tap that tells what a test has it tell. */
export class TapFeed {
  /** What was asked, in order. */
  readonly asked: TapRequest[] = [];
  /** Watchers now. */
  watchers = 0;
  #lines: TapLine[] = [];
  #wake = (): void => {};

  readonly tap = (request: TapRequest, signal: AbortSignal): AsyncIterable<TapLine> => this.#read(request, signal);

  /** Tells whoever watches, or will. */
  tell(...lines: readonly TapLine[]): void {
    this.#lines.push(...lines);
    this.#wake();
  }

  async *#read(request: TapRequest, signal: AbortSignal): AsyncGenerator<TapLine, void, void> {
    this.asked.push(request);
    this.watchers++;
    const over = (): void => this.#wake();
    signal.addEventListener('abort', over);
    try {
      while (!signal.aborted) {
        for (const line of this.#lines.splice(0)) {
          yield line;
          if (line.kind === 'end') return;
        }
        if (this.#lines.length > 0 || signal.aborted) continue;
        await new Promise<void>(resolve => {
          this.#wake = resolve;
        });
      }
    } finally {
      signal.removeEventListener('abort', over);
      this.watchers--;
    }
  }
}
