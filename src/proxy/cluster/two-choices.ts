import type { Balancer, Member } from './balancer.ts';

/** Of two random endpoints the one with less load. @see Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" */
export abstract class TwoChoices<T extends Member> implements Balancer<T> {
  readonly #random: () => number;
  #fit: readonly T[] = [];

  /** `random`: uniform in [0, 1). */
  constructor(random: () => number) {
    this.#random = random;
  }

  use(_all: readonly T[], fit: readonly T[]): void {
    this.#fit = fit;
  }

  pick(avoid: T | null): T | null {
    const fit = this.#fit;
    const n = fit.length;
    if (n < 2) return fit[0] ?? null;
    const i = Math.floor(this.#random() * n);
    const j = (i + 1 + Math.floor(this.#random() * (n - 1))) % n;
    const a = fit[i] ?? null;
    const b = fit[j] ?? null;
    if (a === null || b === null) return a ?? b;
    if (a === avoid) return b;
    if (b === avoid) return a;
    return this.better(a, b);
  }

  /** The one with less load; `a` where they are equal. */
  protected abstract better(a: T, b: T): T;
}
