import type { Clock } from '../../async/clock.ts';

/** A daemon that is busy for longer is as good as away; Prometheus gives up after ten seconds. */
const answerMs = 5_000;

/** The daemon's own metrics, asked for over the control channel whenever a scraper wants them: the daemon itself listens where pods do not reach it. */
export class DaemonScrape {
  readonly #clock: Clock;
  /** `false`: there is no daemon. */
  readonly #ask: () => boolean;
  #answer: PromiseWithResolvers<string | null> | null = null;

  constructor(clock: Clock, ask: () => boolean) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** Text exposition; `null`: the daemon is away. Who asks meanwhile gets the same answer. */
  read(): Promise<string | null> {
    if (this.#answer !== null) return this.#answer.promise;
    const answer = Promise.withResolvers<string | null>();
    this.#answer = answer;
    const cancel = this.#clock.after(answerMs, () => this.take(null));
    void answer.promise.then(cancel);
    if (!this.#ask()) this.take(null);
    return answer.promise;
  }

  /** The daemon's answer; `null`: it is gone. */
  take(text: string | null): void {
    this.#answer?.resolve(text);
    this.#answer = null;
  }
}
