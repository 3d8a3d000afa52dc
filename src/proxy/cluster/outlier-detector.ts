import type { Clock } from '../../async/clock.ts';
import type { OutlierPolicy } from '../../snapshot/cluster-policy.ts';
import type { ClusterCounters } from '../../telemetry/cluster-metrics.ts';
import type { EndpointState, Outcome } from './endpoint-state.ts';

/** What a detector works with. */
export interface OutlierParts {
  readonly clock: Clock;
  readonly counters: ClusterCounters;
  /** An endpoint was ejected or came back. */
  readonly onChange: () => void;
}

/** No ejection is longer than this, unless the base itself is. Envoy's `max_ejection_time`. */
const maxEjectionMs = 300_000;

/**
 * Leaves endpoints out that fail several times in a row, for longer each time. Counts on every answer; endpoints come back on the interval's tick only.
 * The arithmetic is Envoy's, including its cap: with fewer endpoints than 100 / `maxEjectionPercent` none is ever ejected.
 */
export class OutlierDetector {
  readonly #parts: OutlierParts;
  #policy: OutlierPolicy;
  #states: readonly EndpointState[] = [];
  #cancel: () => void;

  constructor(policy: OutlierPolicy, parts: OutlierParts) {
    this.#policy = policy;
    this.#parts = parts;
    this.#cancel = this.#tickLater();
  }

  /** Takes on a new policy and the endpoints there are now; counts and ejections of those that stay go on. */
  use(policy: OutlierPolicy, states: readonly EndpointState[]): void {
    if (policy.intervalMs !== this.#policy.intervalMs) {
      this.#cancel();
      this.#policy = policy;
      this.#cancel = this.#tickLater();
    }
    this.#policy = policy;
    this.#states = states;
    this.#parts.counters.ejectionsActive = this.#ejected();
  }

  /** A try at an endpoint has ended. */
  outcome(state: EndpointState, result: Outcome): void {
    const { consecutive5xx, consecutiveGatewayErrors, consecutiveLocalErrors } = this.#policy;
    if (result === 'local-error') {
      if (consecutiveLocalErrors > 0) {
        if (++state.localErrors < consecutiveLocalErrors) return;
        state.localErrors = 0;
        this.#eject(state);
        return;
      }
    } else {
      state.localErrors = 0;
      if (result < 500) {
        state.errors = 0;
        state.gatewayErrors = 0;
        return;
      }
    }
    const gateway = result === 'local-error' || (result >= 502 && result <= 504);
    state.gatewayErrors = gateway ? state.gatewayErrors + 1 : 0;
    state.errors++;
    // After a full count a new one begins, whether the cap let the endpoint go or not.
    const byGateway = consecutiveGatewayErrors > 0 && state.gatewayErrors >= consecutiveGatewayErrors;
    const byAny = consecutive5xx > 0 && state.errors >= consecutive5xx;
    if (byGateway) state.gatewayErrors = 0;
    if (byAny) state.errors = 0;
    if (byGateway || byAny) this.#eject(state);
  }

  /** Lets everybody back in. */
  close(): void {
    this.#cancel();
    for (const state of this.#states) if (state.ejected) this.#release(state);
    this.#parts.counters.ejectionsActive = 0;
  }

  #eject(state: EndpointState): void {
    if (state.ejected) return;
    const { counters } = this.#parts;
    if ((100 * (this.#ejected() + 1)) / this.#states.length > this.#policy.maxEjectionPercent) {
      counters.ejectionsOverflow++;
      return;
    }
    state.ejected = true;
    // Beyond the longest time more would only have to be counted down again.
    if (state.ejections * this.#policy.baseEjectionMs < this.#longestMs() + this.#policy.baseEjectionMs) state.ejections++;
    state.ejectedAt = this.#parts.clock.monotonic();
    counters.ejectionsTotal++;
    counters.ejectionsActive++;
    this.#parts.onChange();
  }

  #tickLater(): () => void {
    return this.#parts.clock.after(this.#policy.intervalMs, () => {
      this.#cancel = this.#tickLater();
      this.#tick();
    });
  }

  #tick(): void {
    const now = this.#parts.clock.monotonic();
    const longest = this.#longestMs();
    let changed = false;
    for (const state of this.#states) {
      if (!state.ejected) {
        if (state.ejections > 0) state.ejections--;
      } else if (now - state.ejectedAt >= Math.min(this.#policy.baseEjectionMs * state.ejections, longest)) {
        this.#release(state);
        changed = true;
      }
    }
    this.#parts.counters.ejectionsActive = this.#ejected();
    if (changed) this.#parts.onChange();
  }

  #longestMs(): number {
    return Math.max(maxEjectionMs, this.#policy.baseEjectionMs);
  }

  #release(state: EndpointState): void {
    state.ejected = false;
    // A few new failures must not do what a full count is for.
    state.errors = 0;
    state.gatewayErrors = 0;
    state.localErrors = 0;
  }

  #ejected(): number {
    let count = 0;
    for (const state of this.#states) if (state.ejected) count++;
    return count;
  }
}
