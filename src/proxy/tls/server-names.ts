/** Finds what belongs to a server name: the exact one, else the longest `*.suffix` that fits, else `*`. */
export class ServerNames<T> {
  readonly #exact = new Map<string, T>();
  /** Longest first. */
  readonly #suffixes: { readonly text: string; readonly value: T }[] = [];
  #any: T | null = null;

  /** Of two entries for one pattern the first counts. Patterns are lower case. */
  constructor(entries: Iterable<readonly [pattern: string, value: T]>) {
    for (const [pattern, value] of entries) {
      if (pattern === '*') this.#any ??= value;
      else if (pattern.startsWith('*.')) this.#suffixes.push({ text: pattern.slice(1), value });
      else if (!this.#exact.has(pattern)) this.#exact.set(pattern, value);
    }
    this.#suffixes.sort((a, b) => b.text.length - a.text.length);
  }

  /** `name`: lower case; `null` where the client named none: only `*` fits then. */
  find(name: string | null): T | null {
    if (name === null) return this.#any;
    const exact = this.#exact.get(name);
    if (exact !== undefined) return exact;
    return this.#suffixes.find(({ text }) => name.length > text.length && name.endsWith(text))?.value ?? this.#any;
  }
}
