import type { MeshEventBody } from '../../api/types.ts';
import type { Moment } from './segment.ts';

/** A caller that does not give up is told of once a minute. */
const everyMs = 60_000;
/** Callers bring their own names. */
const maxPairs = 1_000;

interface Pair {
  readonly from: string;
  readonly to: string;
  calls: number;
  /** When it was told of last, ms since epoch. */
  toldMs: number;
}

/** Tells of calls that access rules refuse: at once, then once a minute while it goes on. */
export class Denials {
  readonly #emit: (event: MeshEventBody) => void;
  readonly #pairs = new Map<string, Pair>();

  constructor(emit: (event: MeshEventBody) => void) {
    this.#emit = emit;
  }

  /** Looks at one second. */
  look({ atMs, rows }: Moment): void {
    for (const [{ source, destination }, { denied }] of rows) {
      if (denied === 0) continue;
      const key = JSON.stringify([source.service, destination.service]);
      const known = this.#pairs.get(key);
      if (known === undefined && this.#pairs.size >= maxPairs) continue;
      const pair = known ?? { from: source.service, to: destination.service, calls: 0, toldMs: Number.NEGATIVE_INFINITY };
      this.#pairs.set(key, pair);
      pair.calls += denied;
    }
    for (const [key, pair] of this.#pairs) {
      if (Math.abs(atMs - pair.toldMs) < everyMs) continue;
      if (pair.calls === 0) this.#pairs.delete(key);
      else {
        this.#emit({ kind: 'denied', from: pair.from || 'unknown', to: pair.to || 'unknown', calls: pair.calls });
        pair.calls = 0;
        pair.toldMs = atMs;
      }
    }
  }
}
