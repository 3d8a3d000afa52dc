import type { SeenCall, SeenCallsDocument } from '../api/access.ts';

/** The calls of one watch, of all workloads of a service together. */
export class WatchedCalls {
  /** Requests of a watch that ended a moment ago: sidecars go on counting for half a minute. */
  #before: ReadonlyMap<string, number> | null = null;
  readonly #seen = new Map<string, SeenCall>();

  /** Takes the next document; the first one tells what was there before. What a restarted sidecar has forgotten stays. */
  add({ calls }: SeenCallsDocument): void {
    const sums = new Map<string, SeenCall>();
    for (const call of calls) {
      const key = JSON.stringify({ ...call, calls: 0 });
      sums.set(key, { ...call, calls: call.calls + (sums.get(key)?.calls ?? 0) });
    }
    this.#before ??= new Map([...sums].map(([key, call]) => [key, call.calls]));
    for (const [key, call] of sums) {
      const before = this.#before.get(key) ?? 0;
      // Raw connections are used as long as they are open.
      const during = call.method === '' || call.calls < before ? call.calls : call.calls - before;
      if (during > 0) this.#seen.set(key, { ...call, calls: Math.max(during, this.#seen.get(key)?.calls ?? 0) });
    }
  }

  get calls(): readonly SeenCall[] {
    return [...this.#seen.values()];
  }
}
