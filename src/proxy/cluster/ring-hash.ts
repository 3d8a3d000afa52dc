import type { Balancer, Member } from './balancer.ts';
import { hashText } from './hash.ts';
import { anyOf } from './random-choice.ts';

/** Of the same number however many endpoints there are: if points came and went with the others, their keys would move too. */
const pointsEach = 1024;
/** More than a cluster ever has; a place of 32 bits and this are exact in a double. */
const maxMembers = 2 ** 20;

/**
 * The same endpoint for the same hash as long as it is there: every endpoint has many points on a ring, and a request goes to the next point after its
 * hash. One more endpoint takes over only what lies before its own points; what an endpoint that is out would get goes to the next on the ring.
 * Tries again at the same endpoint too, as Istio does unless told otherwise. A request without a hash goes to a random one.
 */
export class RingHash<T extends Member> implements Balancer<T> {
  readonly #random: () => number;
  readonly #minSize: number;
  #all: readonly T[] = [];
  #fit: readonly T[] = [];
  /** Everybody may be picked, also those that are out (panic). */
  #everybody = true;
  /** Points in order, and whose they are: an index in `#all`. */
  #points: Uint32Array = new Uint32Array(0);
  #owners: Uint32Array = new Uint32Array(0);

  /** `random`: uniform in [0, 1). `minSize`: points on the ring, at least. */
  constructor(random: () => number, minSize: number) {
    this.#random = random;
    this.#minSize = minSize;
  }

  use(all: readonly T[], fit: readonly T[]): void {
    if (all !== this.#all) this.#place(all);
    this.#fit = fit;
    this.#everybody = fit.length === all.length;
  }

  pick(avoid: T | null, hash: number | null): T | null {
    if (hash === null || this.#fit.length < 2) return anyOf(this.#fit, avoid, this.#random);
    const points = this.#points;
    let low = 0;
    for (let high = points.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if ((points[middle] ?? 0) < hash) low = middle + 1;
      else high = middle;
    }
    for (let i = 0; i < points.length; i++) {
      const one = this.#all[this.#owners[(low + i) % points.length] ?? 0];
      if (one !== undefined && (this.#everybody || !one.state.out)) return one;
    }
    return null;
  }

  #place(all: readonly T[]): void {
    this.#all = all;
    const each = Math.max(Math.ceil(this.#minSize / all.length), Math.min(this.#minSize, pointsEach));
    // Place and owner in one number, which sorts fast. By name, so that two points on one place are in the same order everywhere.
    const byName = [...all.keys()].sort((a, b) => ((all[a]?.state.name ?? '') < (all[b]?.state.name ?? '') ? -1 : 1));
    const placed = new Float64Array(all.length === 0 ? 0 : each * all.length);
    let n = 0;
    for (const [rank, owner] of byName.entries())
      for (let i = 0; i < each; i++) placed[n++] = hashText(`${all[owner]?.state.name}_${i}`) * maxMembers + rank;
    placed.sort();
    this.#points = Uint32Array.from(placed, point => Math.floor(point / maxMembers));
    this.#owners = Uint32Array.from(placed, point => byName[point % maxMembers] ?? 0);
  }
}
