import type { Clock } from '../../async/clock.ts';
import type { Balancer, BalancerParts, Member } from './balancer.ts';

/** Envoy's `min_weight_percent` and Istio's `minimumPercent`. */
const firstShare = 0.1;

/** Gives a new endpoint a tenth of its share at first and all of it after a while: an app that just started is slow until its caches and code are warm. */
export class SlowStart<T extends Member> implements Balancer<T> {
  readonly #inner: Balancer<T>;
  readonly #windowMs: number;
  readonly #random: () => number;
  readonly #clock: Clock;
  /** Monotonic ms from which nobody is new. */
  #settledAt = 0;

  /** `windowMs`: until the share is whole. */
  constructor(inner: Balancer<T>, windowMs: number, { random, clock }: BalancerParts) {
    this.#inner = inner;
    this.#windowMs = windowMs;
    this.#random = random;
    this.#clock = clock;
  }

  use(all: readonly T[], fit: readonly T[]): void {
    this.#inner.use(all, fit);
    this.#settledAt = fit.reduce((last, { state }) => Math.max(last, state.since), Number.NEGATIVE_INFINITY) + this.#windowMs;
  }

  pick(avoid: T | null, hash: number | null): T | null {
    const one = this.#inner.pick(avoid, hash);
    if (one === null) return null;
    const now = this.#clock.monotonic();
    if (now >= this.#settledAt) return one;
    const share = Math.max(firstShare, (now - one.state.since) / this.#windowMs);
    if (share >= 1 || this.#random() < share) return one;
    const other = this.#inner.pick(one, hash);
    return other === null || other === avoid ? one : other;
  }
}
