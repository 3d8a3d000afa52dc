/** Waiting for facts: conditions are tried again whenever something changed. */
export class Facts {
  readonly #waiting = new Set<() => void>();
  #closed: Error | null = null;

  /** Something changed: try the conditions. */
  changed(): void {
    for (const attempt of [...this.#waiting]) attempt();
  }

  /** Nothing will change any more: everybody who waits is told `error`. */
  close(error: Error): void {
    this.#closed = error;
    this.changed();
  }

  /** Resolves when `holds` returns true. Rejects when it throws, when the signal aborts and after `close`. */
  when(holds: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        this.#waiting.delete(attempt);
        signal.removeEventListener('abort', attempt);
        settle();
      };
      const attempt = (): void => {
        try {
          signal.throwIfAborted();
          if (this.#closed !== null) throw this.#closed;
          if (holds()) end(resolve);
        } catch (error) {
          end(() => reject(error));
        }
      };
      this.#waiting.add(attempt);
      signal.addEventListener('abort', attempt);
      attempt();
    });
  }
}
