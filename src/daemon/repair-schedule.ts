import { backoffMs } from '../async/backoff.ts';
import type { Clock } from '../async/clock.ts';

/** First and longest pause before the same repair is tried again. */
const firstPauseMs = 500;
const longestPauseMs = 30_000;
/** What held this long was mended; the next trouble is a new one. */
const heldMs = 60_000;

/** When to repair: at once the first time, ever more slowly what breaks again and again. */
export class RepairSchedule {
  readonly #clock: Clock;
  readonly #run: () => void;
  #pending = false;
  #tries = 0;
  #last = '';
  #cancel: () => void = () => undefined;

  constructor(clock: Clock, run: () => void) {
    this.#clock = clock;
    this.#run = run;
  }

  /** Asks for a run; requests before it join. */
  request(): void {
    if (this.#pending) return;
    this.#pending = true;
    this.#cancel = this.#clock.after(backoffMs(this.#tries, firstPauseMs, longestPauseMs), () => {
      this.#pending = false;
      this.#run();
    });
  }

  /** A repair begins; `what` tells whether it is the same as the last one. */
  began(what: string): void {
    this.#tries = what === this.#last ? this.#tries + 1 : 0;
    this.#last = what;
    this.#clock.after(heldMs, () => {
      if (this.#last === what) this.#tries = 0;
    });
  }

  /** A repair failed. */
  failed(): void {
    this.#tries += 1;
  }

  stop(): void {
    this.#cancel();
    this.#pending = true;
  }
}
