import type { Clock } from '../async/clock.ts';

/** What many sidecars say at once is told together. */
const gatherMs = 1_000;
/** What goes on is told once a minute. */
const everyMs = 60_000;
/** Different things under way. Some of their names come from sidecars. */
const maxKeys = 300;

/** Says what was gathered: who, and how often in all. */
export type TellGathered = (who: readonly string[], count: number) => void;

interface Gathered {
  readonly who: Set<string>;
  count: number;
  tell: TellGathered;
}

/** Gathers equal news of many: told together after a second, and while it goes on once a minute. */
export class Digest {
  readonly #clock: Clock;
  readonly #gathered = new Map<string, Gathered>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `key`: what is equal. `who`: whose news it is. */
  add(key: string, who: string, tell: TellGathered, count = 1): void {
    const known = this.#gathered.get(key);
    if (known === undefined && this.#gathered.size >= maxKeys) return;
    const gathered = known ?? { who: new Set(), count: 0, tell };
    gathered.who.add(who);
    gathered.count += count;
    gathered.tell = tell;
    if (known !== undefined) return;
    this.#gathered.set(key, gathered);
    this.#clock.after(gatherMs, () => this.#tell(key, gathered));
  }

  #tell(key: string, gathered: Gathered): void {
    if (gathered.count === 0) {
      this.#gathered.delete(key);
      return;
    }
    const { tell, who, count } = gathered;
    gathered.count = 0;
    const names = [...who].sort();
    who.clear();
    this.#clock.after(everyMs, () => this.#tell(key, gathered));
    tell(names, count);
  }
}
