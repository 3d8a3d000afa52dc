import type { RateLimit } from '../../snapshot/route-rule.ts';

interface Bucket {
  tokens: number;
  /** When they were counted, monotonic ms. */
  at: number;
}

/** Keys come from outside (addresses, header values): a stranger must not fill the memory. */
const maxBuckets = 10_000;
const maxKeyLength = 128;

/** Token buckets of one rate limit, one per key. A bucket begins full. */
export class TokenBuckets {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor({ requests, perMs, burst }: Pick<RateLimit, 'requests' | 'perMs' | 'burst'>) {
    this.#perMs = requests / perMs;
    this.#burst = burst;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** How long, in ms, until the key may take a token: 0 for now. `now`: monotonic ms. */
  wait(key: string, now: number): number {
    const { tokens } = this.#at(key, now);
    // What rounding leaves short of a token is one.
    return tokens > 1 - 1e-9 ? 0 : (1 - tokens) / this.#perMs;
  }

  /** Takes a token. Only after `wait` said 0 at the same moment. */
  take(key: string, now: number): void {
    this.#at(key, now).tokens -= 1;
  }

  /** How long, in ms, until the key has all its tokens. */
  untilFull(key: string, now: number): number {
    return (this.#burst - this.#at(key, now).tokens) / this.#perMs;
  }

  #at(key: string, now: number): Bucket {
    const short = key.length > maxKeyLength ? key.slice(0, maxKeyLength) : key;
    const known = this.#buckets.get(short);
    if (known !== undefined) {
      known.tokens = Math.min(this.#burst, known.tokens + (now - known.at) * this.#perMs);
      known.at = now;
      return known;
    }
    if (this.#buckets.size >= maxBuckets) this.#makeRoom(now);
    const fresh: Bucket = { tokens: this.#burst, at: now };
    this.#buckets.set(short, fresh);
    return fresh;
  }

  /** Full buckets are as good as none; if there are none of those, the oldest tenth goes. */
  #makeRoom(now: number): void {
    for (const [key, { tokens, at }] of this.#buckets) {
      if (tokens + (now - at) * this.#perMs >= this.#burst) this.#buckets.delete(key);
    }
    if (this.#buckets.size < maxBuckets) return;
    let excess = maxBuckets / 10;
    for (const key of this.#buckets.keys()) {
      if (excess-- === 0) return;
      this.#buckets.delete(key);
    }
  }
}
