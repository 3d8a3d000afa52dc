import type { MeshEvent, MeshEventBody } from '../api/types.ts';

/** A reader that comes late still sees how the start went; older events are dropped. */
const keptEvents = 1000;

/** What happened in the daemon, numbered. Readers come and go; a slow one is not waited for, and told what it missed. */
export class EventLog {
  readonly #now: () => number;
  readonly #events: MeshEvent[] = [];
  readonly #wakers = new Set<() => void>();
  #seq = 0;
  #closed = false;

  /** `now`: wall clock in ms. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Appends one event. */
  emit(body: MeshEventBody): void {
    this.#seq += 1;
    this.#events.push({ seq: this.#seq, at: new Date(this.#now()).toISOString(), ...body });
    if (this.#events.length > keptEvents) this.#events.shift();
    this.#wake();
  }

  /** Number of the last event, 0 before the first. */
  get last(): number {
    return this.#seq;
  }

  /** Ends every reader once it has seen what is there. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** Events numbered above `after`, then, unless `follow` is `false`, new ones until `signal` or `close`. */
  async *read(after: number, signal: AbortSignal, follow = true): AsyncGenerator<MeshEvent, void, void> {
    let seen = after;
    while (!signal.aborted) {
      // Numbers are consecutive, so the place of the next one is known.
      const first = this.#events[0]?.seq ?? this.#seq + 1;
      const missed = first - seen - 1;
      if (seen > 0 && missed > 0) {
        seen = first - 1;
        yield { seq: seen, at: new Date(this.#now()).toISOString(), kind: 'gap', missed };
        continue;
      }
      const next = this.#events[Math.max(0, seen + 1 - first)];
      if (next !== undefined) {
        seen = next.seq;
        yield next;
        continue;
      }
      if (this.#closed || !follow) return;
      await this.#news(signal);
    }
  }

  #news(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const done = (): void => {
        this.#wakers.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#wakers.add(done);
      signal.addEventListener('abort', done);
    });
  }

  #wake(): void {
    for (const waker of [...this.#wakers]) waker();
  }
}
