/** Tells that a newer intention took the place of the work under way. */
export class Superseded extends Error {}

/** One piece of work at a time, in the order it was asked for. */
export class WorkQueue {
  readonly #ending: AbortSignal;
  #last: Promise<void> = Promise.resolve();
  #working: AbortController | null = null;

  /** `ending`: aborts what is under way and refuses what comes. */
  constructor(ending: AbortSignal) {
    this.#ending = ending;
  }

  /** Adds work; its signal aborts when it is superseded or all ends. @throws Superseded then */
  add<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const result = this.#last.then(async () => {
      this.#ending.throwIfAborted();
      const working = new AbortController();
      this.#working = working;
      try {
        return await work(AbortSignal.any([working.signal, this.#ending]));
      } catch (error) {
        throw working.signal.aborted ? working.signal.reason : error;
      } finally {
        this.#working = null;
      }
    });
    this.#last = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  /** Aborts the work under way, to make place for a newer one. */
  supersede(): void {
    this.#working?.abort(new Superseded());
  }

  /** Resolves when all that was asked for has ended. */
  idle(): Promise<void> {
    return this.#last;
  }
}
