/** Those who wait for the next news. Whoever is busy when it rings misses it: what is new is looked up, not handed over. */
export class Bell {
  readonly #waiting = new Set<() => void>();

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** All who wait go on. */
  ring(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves when it rings next, or when the signal aborts. */
  next(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake);
      if (signal.aborted) wake();
    });
  }
}
