import type { Cluster } from '../../snapshot/snapshot.ts';

/** What a balancer sees of an endpoint. */
export interface Loaded {
  readonly active: number;
}

/** Picks one of several endpoints. */
export interface Balancer {
  /** An endpoint other than `avoid` where there is one; `null` when the list is empty. */
  pick<T extends Loaded>(endpoints: readonly T[], avoid: T | null): T | null;
}

/** The balancer of the cluster's policy. `random`: uniform in [0, 1). */
export function createBalancer(policy: Cluster['balancer'], random: () => number): Balancer {
  switch (policy) {
    case 'round-robin':
      return new RoundRobin(random);
    case 'least-request':
      return new LeastRequest(random);
  }
}

/** In turn, from a random start: many sidecars started together must not all begin with the first endpoint. */
class RoundRobin implements Balancer {
  #next: number;

  constructor(random: () => number) {
    this.#next = Math.floor(random() * 0x10000);
  }

  pick<T extends Loaded>(endpoints: readonly T[], avoid: T | null): T | null {
    if (endpoints.length === 0) return null;
    this.#next = (this.#next + 1) % 0x40000000;
    const one = endpoints[this.#next % endpoints.length] ?? null;
    if (one !== avoid || endpoints.length === 1) return one;
    this.#next++;
    return endpoints[this.#next % endpoints.length] ?? null;
  }
}

/** The less busy of two random endpoints. @see Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" */
class LeastRequest implements Balancer {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  pick<T extends Loaded>(endpoints: readonly T[], avoid: T | null): T | null {
    const n = endpoints.length;
    if (n < 2) return endpoints[0] ?? null;
    const i = Math.floor(this.#random() * n);
    const j = (i + 1 + Math.floor(this.#random() * (n - 1))) % n;
    const a = endpoints[i] ?? null;
    const b = endpoints[j] ?? null;
    if (a === null || b === null) return a ?? b;
    if (a === avoid) return b;
    if (b === avoid) return a;
    return b.active < a.active ? b : a;
  }
}
