import { PrefixTrie } from '../route/prefix-trie.ts';
import type { AccessRequest, FactReader } from './access-request.ts';
import type { RequestTest } from './condition.ts';
import type { ValuePattern } from './value-pattern.ts';

/** A rule as far as a connection has not answered it yet. */
export interface OpenRule<T> {
  readonly what: T;
  /** All have to hold. */
  readonly tests: readonly RequestTest[];
}

interface Entry<T> {
  readonly what: T;
  /** Place among the rules: the first that matches is named. */
  readonly order: number;
  /** Without what the way to the entry has answered already. */
  readonly tests: readonly RequestTest[];
}

/**
 * Rules, of which those that match a request are found without trying all: each is kept under the values of one of its conditions, and a request looks up
 * only what it has. So what a request costs does not grow with the number of rules.
 */
export class RuleSet<T> {
  readonly #indexes: readonly FactIndex<T>[];
  /** Rules that have nothing to be looked up by. */
  readonly #rest: readonly Entry<T>[];

  constructor(rules: readonly OpenRule<T>[]) {
    const keys = chooseKeys(rules);
    const byFact = new Map<string, FactIndex<T>>();
    const rest: Entry<T>[] = [];
    for (const [order, { what, tests }] of rules.entries()) {
      const key = keys[order];
      if (key === undefined) rest.push({ what, order, tests });
      else {
        const index = byFact.get(key.fact) ?? new FactIndex<T>(key.read);
        byFact.set(key.fact, index);
        const others = tests.filter(test => test !== key);
        for (const pattern of key.patterns ?? [])
          index.add(pattern, { what, order, tests: key.every || pattern.kind === 'template' ? tests : others });
      }
    }
    this.#indexes = [...byFact.values()];
    this.#rest = rest;
  }

  get empty(): boolean {
    return this.#rest.length === 0 && this.#indexes.length === 0;
  }

  /** The first rule that matches. */
  first(request: AccessRequest): T | null {
    let best = firstOf(this.#rest, request, null);
    for (const index of this.#indexes) best = index.first(request, best);
    return best === null ? null : best.what;
  }

  /** Every rule that matches, in order. */
  all(request: AccessRequest): readonly T[] {
    if (this.empty) return [];
    const found = new Map<number, T>();
    const take = (entries: readonly Entry<T>[]): void => {
      for (const entry of entries) if (!found.has(entry.order) && holds(entry, request)) found.set(entry.order, entry.what);
    };
    take(this.#rest);
    for (const index of this.#indexes) index.visit(request, take);
    return [...found].sort(([a], [b]) => a - b).map(([, what]) => what);
  }
}

/** Rules by the values that they ask of one fact. Lists are in order of rules, as those are added. */
class FactIndex<T> {
  readonly #read: FactReader;
  readonly #exact = new Map<string, Entry<T>[]>();
  readonly #prefixes = new PrefixTrie<Entry<T>[]>();
  #hasPrefixes = false;
  /** Prefixes that end with a slash: one look for each folder, however many there are. */
  readonly #folders = new Map<string, Entry<T>[]>();
  /** By number of slashes but one, whether there is such a prefix. */
  readonly #depths: boolean[] = [];
  readonly #suffixes = new Map<string, Entry<T>[]>();
  /** Lengths of suffixes. */
  readonly #lengths: number[] = [];
  readonly #present: Entry<T>[] = [];
  readonly #found: Entry<T>[][] = [];

  constructor(read: FactReader) {
    this.#read = read;
  }

  add({ kind, text }: ValuePattern, entry: Entry<T>): void {
    switch (kind) {
      case 'present':
        this.#present.push(entry);
        break;
      case 'exact':
        push(this.#exact, text, entry);
        break;
      case 'suffix':
        push(this.#suffixes, text, entry);
        if (!this.#lengths.includes(text.length)) this.#lengths.push(text.length);
        break;
      case 'prefix':
      case 'template':
        if (text.endsWith('/')) {
          push(this.#folders, text, entry);
          this.#depths[text.split('/').length - 2] = true;
          break;
        }
        this.#prefixes.at(text, () => []).push(entry);
        this.#hasPrefixes = true;
    }
  }

  first(request: AccessRequest, before: Entry<T> | null): Entry<T> | null {
    const values = this.#read(request);
    if (typeof values === 'string') return this.#firstOf(values, request, before);
    if (values.length === 0) return this.#firstOf('', request, before);
    let best = before;
    for (const value of values) best = this.#firstOf(value, request, best);
    return best;
  }

  #firstOf(value: string, request: AccessRequest, before: Entry<T> | null): Entry<T> | null {
    let best = before;
    const count = this.#collect(value);
    for (let i = 0; i < count; i++) best = firstOf(this.#found[i] ?? [], request, best);
    return best;
  }

  /** Shows all lists in which an entry could match. */
  visit(request: AccessRequest, take: (entries: readonly Entry<T>[]) => void): void {
    const values = this.#read(request);
    for (const value of typeof values === 'string' ? [values] : values.length === 0 ? [''] : values) {
      const count = this.#collect(value);
      for (let i = 0; i < count; i++) take(this.#found[i] ?? []);
    }
  }

  /** Puts the lists of entries whose condition on this value holds into `#found`. Returns their number. */
  #collect(value: string): number {
    const found = this.#found;
    let count = this.#hasPrefixes ? this.#prefixes.find(value, found) : 0;
    const exact = this.#exact.get(value);
    if (exact !== undefined) found[count++] = exact;
    let slash = -1;
    for (let depth = 0; depth < this.#depths.length; depth++) {
      slash = value.indexOf('/', slash + 1);
      if (slash < 0) break;
      const some = this.#depths[depth] === true ? this.#folders.get(value.substring(0, slash + 1)) : undefined;
      if (some !== undefined) found[count++] = some;
    }
    for (const length of this.#lengths) {
      const some = length > value.length ? undefined : this.#suffixes.get(value.substring(value.length - length));
      if (some !== undefined) found[count++] = some;
    }
    if (value !== '' && this.#present.length > 0) found[count++] = this.#present;
    return count;
  }
}

/** For each rule the condition to find it by: of those that can be looked up, the one on the fact that tells most rules apart. */
function chooseKeys<T>(rules: readonly OpenRule<T>[]): readonly (RequestTest | undefined)[] {
  const values = new Map<string, Set<string>>();
  for (const { tests } of rules)
    for (const { fact, patterns } of tests)
      for (const { kind, text } of patterns ?? []) {
        const known = values.get(fact) ?? new Set();
        values.set(fact, known.add(`${kind} ${text}`));
      }
  const worth = ({ fact }: RequestTest): number => values.get(fact)?.size ?? 0;
  return rules.map(({ tests }) => {
    const usable = tests.filter(({ patterns }) => patterns !== null);
    return usable.reduce<RequestTest | undefined>(
      (best, test) => (best === undefined || worth(test) > worth(best) ? test : best),
      undefined,
    );
  });
}

function firstOf<T>(entries: readonly Entry<T>[], request: AccessRequest, before: Entry<T> | null): Entry<T> | null {
  const limit = before === null ? Number.POSITIVE_INFINITY : before.order;
  for (const entry of entries) {
    if (entry.order >= limit) break;
    if (holds(entry, request)) return entry;
  }
  return before;
}

function holds<T>({ tests }: Entry<T>, request: AccessRequest): boolean {
  for (const test of tests) if (!test.holds(request)) return false;
  return true;
}

function push<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const known = lists.get(key);
  if (known === undefined) lists.set(key, [item]);
  else known.push(item);
}
