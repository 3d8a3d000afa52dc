import type { LostContext } from '../../snapshot/observation.ts';
import type { RequestTrace } from './request-trace.ts';

/** What takes longer is a stream: a call that the app makes meanwhile is hardly made for it. */
const streamMs = 30_000;
/** With so many at once nobody can say which of them a call belongs to. */
const maxLooked = 64;

/**
 * The requests that the app beside the sidecar is serving, to find out whether it calls on without their trace context. A list through the traces themselves: a
 * `Set` that takes in and lets go all the time leaves tables behind that hold each other, and with them all they held, until the whole heap is collected.
 */
export class ServedRequests {
  #oldest: RequestTrace | null = null;
  #newest: RequestTrace | null = null;
  #size = 0;

  add(trace: RequestTrace): void {
    trace.older = this.#newest;
    if (this.#newest === null) this.#oldest = trace;
    else this.#newest.newer = trace;
    this.#newest = trace;
    this.#size++;
  }

  /** Nothing where it is none of them. */
  delete(trace: RequestTrace): void {
    const { older, newer } = trace;
    if (older === null && this.#oldest !== trace) return;
    if (older === null) this.#oldest = newer;
    else older.newer = newer;
    if (newer === null) this.#newest = older;
    else newer.older = older;
    trace.older = null;
    trace.newer = null;
    this.#size--;
  }

  clear(): void {
    while (this.#oldest !== null) this.delete(this.#oldest);
  }

  /** Of a call without context that the app makes now. `now`: monotonic ms. */
  lost(now: number): LostContext {
    if (this.#size > maxLooked) return { open: this.#size, traceId: null, spanId: null };
    let open = 0;
    let first: RequestTrace | null = null;
    for (let trace = this.#oldest; trace !== null; trace = trace.newer) {
      if (now - trace.beganAt > streamMs) continue;
      open++;
      first ??= trace;
    }
    const known = first?.recorded === true;
    return { open, traceId: known ? (first?.traceId ?? null) : null, spanId: known ? (first?.spanId ?? null) : null };
  }
}
