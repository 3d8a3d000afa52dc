import type { Clock } from '../../async/clock.ts';
import { type EdgeSignal, signalsEveryMs } from '../../snapshot/edge-signal.ts';
import type { Signals } from './signals.ts';

/** Tells golden signals every second while somebody wants them. */
export class SignalReporter {
  readonly #clock: Clock;
  readonly #signals: Signals;
  #tell: ((signals: readonly EdgeSignal[]) => boolean) | null = null;
  #cancel = (): void => {};

  constructor(clock: Clock, signals: Signals) {
    this.#clock = clock;
    this.#signals = signals;
  }

  /** Begins, or with `null` ends. What was counted while nobody listened is skipped: nobody could say when it was. */
  use(tell: ((signals: readonly EdgeSignal[]) => boolean) | null): void {
    const wasOn = this.#tell !== null;
    this.#tell = tell;
    if (wasOn === (tell !== null)) return;
    this.#cancel();
    if (tell === null) return;
    this.#signals.skip();
    this.#wait();
  }

  #wait(): void {
    this.#cancel = this.#clock.after(signalsEveryMs, () => {
      if (this.#tell !== null) this.#signals.take(this.#tell);
      this.#wait();
    });
  }
}
