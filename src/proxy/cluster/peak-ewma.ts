import type { Clock } from '../../async/clock.ts';
import type { Member } from './balancer.ts';
import type { EndpointState, Outcome } from './endpoint-state.ts';
import { TwoChoices } from './two-choices.ts';

/** What an endpoint is taken to need before it has answered. Linkerd's figure. */
const startMs = 30;
/** After so long without an answer a latency counts for 1/e. Linkerd's figure. */
const decayMs = 10_000;

/**
 * The one whose requests should be over sooner: average latency times the requests it would have. A peak counts at once and is forgotten slowly.
 * @see Finagle's and Linkerd's peak EWMA
 */
export class PeakEwma<T extends Member> extends TwoChoices<T> {
  readonly #clock: Clock;

  /** `random`: uniform in [0, 1). */
  constructor(random: () => number, clock: Clock) {
    super(random);
    this.#clock = clock;
  }

  protected better(a: T, b: T): T {
    const now = this.#clock.monotonic();
    return loadOf(b.state, now) < loadOf(a.state, now) ? b : a;
  }
}

/** Takes the duration of a try into the endpoint's average. `now`: monotonic ms. */
export function observeLatency(state: EndpointState, result: Outcome, durationMs: number, now: number): void {
  const average = latencyOf(state, now);
  // An endpoint that refuses at once must not look fast.
  const latency = result === 'local-error' ? Math.max(durationMs, average, startMs) : durationMs;
  // What `latencyOf` gives has already lost the share that this one gains.
  state.latencyMs = latency > average ? latency : average + latency * (1 - weightAt(state, now));
  state.latencyAt = now;
}

function loadOf(state: EndpointState, now: number): number {
  return latencyOf(state, now) * (state.active + 1);
}

/** Sinks towards nothing while it is not asked, so that a slow endpoint is tried again. */
function latencyOf(state: EndpointState, now: number): number {
  return state.latencyAt === Number.NEGATIVE_INFINITY ? startMs : state.latencyMs * weightAt(state, now);
}

function weightAt(state: EndpointState, now: number): number {
  return state.latencyAt === Number.NEGATIVE_INFINITY ? 1 : Math.exp((state.latencyAt - now) / decayMs);
}
