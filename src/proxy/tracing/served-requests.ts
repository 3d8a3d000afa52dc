import type { LostContext } from '../../snapshot/observation.ts';
import type { RequestTrace } from './request-trace.ts';

/** What takes longer is a stream: a call that the app makes meanwhile is hardly made for it. */
const streamMs = 30_000;
/** With so many at once nobody can say which of them a call belongs to. */
const maxLooked = 64;

/** The requests that the app beside the sidecar is serving, to find out whether it calls on without their trace context. */
export class ServedRequests {
  /** Oldest first. */
  readonly #open = new Set<RequestTrace>();

  add(trace: RequestTrace): void {
    this.#open.add(trace);
  }

  delete(trace: RequestTrace): void {
    this.#open.delete(trace);
  }

  clear(): void {
    this.#open.clear();
  }

  /** Of a call without context that the app makes now. `now`: monotonic ms. */
  lost(now: number): LostContext {
    if (this.#open.size > maxLooked) return { open: this.#open.size, traceId: null, spanId: null };
    let open = 0;
    let first: RequestTrace | null = null;
    for (const trace of this.#open) {
      if (now - trace.beganAt > streamMs) continue;
      open++;
      first ??= trace;
    }
    const known = first?.recorded === true;
    return { open, traceId: known ? (first?.traceId ?? null) : null, spanId: known ? (first?.spanId ?? null) : null };
  }
}
