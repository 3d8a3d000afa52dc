import type { Balancer, Member } from './balancer.ts';

/** Any endpoint, each as likely as the others. */
export class RandomChoice<T extends Member> implements Balancer<T> {
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
    return anyOf(this.#fit, avoid, this.#random);
  }
}

/** One of them at random, other than `avoid` where there is one. */
export function anyOf<T>(members: readonly T[], avoid: T | null, random: () => number): T | null {
  const n = members.length;
  const i = Math.floor(random() * n);
  const one = members[i] ?? null;
  // Another draw, not the neighbour: the neighbour would get twice its share.
  return one === null || one !== avoid || n === 1 ? one : (members[(i + 1 + Math.floor(random() * (n - 1))) % n] ?? null);
}
