/**
 * What must outlive a swap of the tables although the tables are made anew: turns of exact splits, tokens of rate limits, counts of faults. Every state has
 * a key that says all it depends on: a changed rule asks for another key and begins anew, and what nobody asks for is forgotten.
 */
export class KeptState {
  readonly #before: ReadonlyMap<string, unknown>;
  readonly #now = new Map<string, unknown>();

  /** `before`: of the tables that run now. */
  constructor(before?: KeptState) {
    this.#before = before === undefined ? new Map() : before.#now;
  }

  /** The state of this key. Keys of different types must begin differently. */
  keep<T>(key: string, make: () => T): T {
    const state = this.#now.get(key) ?? this.#before.get(key) ?? make();
    this.#now.set(key, state);
    return state as T;
  }
}
