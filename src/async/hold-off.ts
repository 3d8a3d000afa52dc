import type { Clock } from './clock.ts';

/** When a burst is over. */
export interface HoldOffLimits {
  /** Runs once nothing was asked for during this time. */
  readonly quietMs: number;
  /** Runs at the latest this long after the first request, however long the burst lasts. */
  readonly maxMs: number;
}

/** Joins bursts of requests into one run. */
export class HoldOff {
  readonly #limits: HoldOffLimits;
  readonly #clock: Clock;
  readonly #run: () => void;
  #firstAt: number | null = null;
  #cancel: () => void = () => {};

  constructor(limits: HoldOffLimits, clock: Clock, run: () => void) {
    this.#limits = limits;
    this.#clock = clock;
    this.#run = run;
  }

  /** Whether a run is still to come. */
  get pending(): boolean {
    return this.#firstAt !== null;
  }

  /** Asks for a run. */
  request(): void {
    const now = this.#clock.monotonic();
    this.#firstAt ??= now;
    this.#cancel();
    const wait = Math.min(this.#limits.quietMs, this.#firstAt + this.#limits.maxMs - now);
    this.#cancel = this.#clock.after(Math.max(0, wait), () => {
      this.#firstAt = null;
      this.#run();
    });
  }

  /** Forgets a run that is still to come. */
  cancel(): void {
    this.#cancel();
    this.#firstAt = null;
  }
}
