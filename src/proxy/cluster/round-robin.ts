import type { Balancer, Member } from './balancer.ts';

/** In turn, from a random start: many sidecars started together must not all begin with the first endpoint. */
export class RoundRobin<T extends Member> implements Balancer<T> {
  #fit: readonly T[] = [];
  #next: number;

  /** `random`: uniform in [0, 1). */
  constructor(random: () => number) {
    this.#next = Math.floor(random() * 0x10000);
  }

  use(_all: readonly T[], fit: readonly T[]): void {
    this.#fit = fit;
  }

  pick(avoid: T | null): T | null {
    const fit = this.#fit;
    if (fit.length === 0) return null;
    this.#next = (this.#next + 1) % 0x40000000;
    const one = fit[this.#next % fit.length] ?? null;
    if (one !== avoid || fit.length === 1) return one;
    this.#next++;
    return fit[this.#next % fit.length] ?? null;
  }
}
