import { compilePattern } from '../../snapshot/pattern.ts';
import type { RouteMatch } from '../../snapshot/snapshot.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { PrefixTrie } from './prefix-trie.ts';
import { headerReader, hostReader, type Matcher, queryReader, type Reader, segmentsOf } from './route-match.ts';

/** One match of one rule, or a rule without matches. */
export interface Candidate {
  /** Place in the list of all candidates: the lowest that matches wins. */
  readonly order: number;
  /** `null`: every request. */
  readonly match: RouteMatch | null;
  readonly test: Matcher;
}

/** Fewer are tried one after the other sooner than looked up. */
const worthIndexing = 5;

/**
 * The candidates of one virtual host, found by their paths: exact ones in a map, prefixes (also those that a pattern begins with) in a trie, the others
 * together. Where many share a path they are told apart by one header, parameter or host. So the cost of a request does not grow with the number of rules.
 */
export class RuleIndex<C extends Candidate> {
  readonly #exact = new Map<string, Bucket<C>>();
  readonly #prefixes = new PrefixTrie<Bucket<C>>();
  readonly #found: Bucket<C>[] = [];

  constructor(candidates: readonly C[]) {
    const exact = new Map<string, C[]>();
    const prefixes = new Map<string, C[]>();
    for (const candidate of candidates) {
      const path = candidate.match?.path ?? null;
      if (path?.kind === 'exact') push(exact, path.value, candidate);
      else push(prefixes, prefixOf(candidate.match), candidate);
    }
    for (const [path, some] of exact) this.#exact.set(path, new Bucket(some));
    for (const [prefix, some] of prefixes) this.#prefixes.at(prefix, () => new Bucket(some));
  }

  /** The first candidate of the list that matches the head just read. */
  find(head: RequestHead, path: string): C | null {
    let best = this.#exact.get(path)?.find(head, path, null) ?? null;
    const count = this.#prefixes.find(path, this.#found);
    // Longest first: the more exact ones are usually meant, and cut the others short.
    for (let i = count - 1; i >= 0; i--) best = this.#found[i]?.find(head, path, best) ?? best;
    return best;
  }
}

function prefixOf(match: RouteMatch | null): string {
  const path = match?.path ?? null;
  switch (path?.kind) {
    case 'prefix':
      return segmentsOf(path.value);
    case 'starts-with':
      return path.value;
    case 'regex':
      return compilePattern(path.value).prefix;
    default:
      return '';
  }
}

/** What candidates of one path can be told apart by. */
interface Key {
  readonly name: string;
  readonly read: Reader;
  readonly values: readonly string[];
}

/** Candidates in order. Where they are many and some ask for exact values of one thing, those are looked up. */
class Bucket<C extends Candidate> {
  readonly #rest: readonly C[];
  readonly #read: Reader | null;
  readonly #byValue: ReadonlyMap<string, readonly C[]>;

  constructor(candidates: readonly C[]) {
    const key = candidates.length < worthIndexing ? null : bestKey(candidates);
    const byValue = new Map<string, C[]>();
    const rest: C[] = [];
    for (const candidate of candidates) {
      const values = key === null ? undefined : keysOf(candidate.match).find(({ name }) => name === key.name)?.values;
      if (values === undefined) rest.push(candidate);
      else for (const value of new Set(values)) push(byValue, value, candidate);
    }
    this.#read = key?.read ?? null;
    this.#byValue = byValue;
    this.#rest = rest;
  }

  /** The first that matches and comes before `best`; `best` where there is none. */
  find(head: RequestHead, path: string, best: C | null): C | null {
    const among = first(this.#rest, head, path, best);
    if (this.#read === null) return among;
    const value = this.#read(head);
    const some = value === null ? undefined : this.#byValue.get(value);
    return some === undefined ? among : first(some, head, path, among);
  }
}

function first<C extends Candidate>(candidates: readonly C[], head: RequestHead, path: string, best: C | null): C | null {
  const before = best?.order ?? Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    if (candidate.order >= before) break;
    if (candidate.test(head, path)) return candidate;
  }
  return best;
}

/** The key that tells most candidates apart, `null` when none is worth it. */
function bestKey(candidates: readonly Candidate[]): Key | null {
  const values = new Map<string, Set<string>>();
  const keys = new Map<string, Key>();
  for (const { match } of candidates) {
    for (const key of keysOf(match)) {
      keys.set(key.name, key);
      const known = values.get(key.name) ?? new Set();
      for (const value of key.values) known.add(value);
      values.set(key.name, known);
    }
  }
  const [best] = [...values].sort(([, a], [, b]) => b.size - a.size);
  return best === undefined || best[1].size < worthIndexing ? null : (keys.get(best[0]) ?? null);
}

function keysOf(match: RouteMatch | null): readonly Key[] {
  if (match === null) return [];
  const keys: Key[] = [];
  for (const { name, kind, value, not } of match.headers)
    if (kind === 'exact' && not !== true) keys.push({ name: `header ${name}`, read: headerReader(name), values: [value] });
  for (const { name, kind, value, not } of match.query)
    if (kind === 'exact' && not !== true) keys.push({ name: `query ${name}`, read: queryReader(name), values: [value] });
  const { hosts } = match;
  if (hosts !== undefined && hosts.length > 0 && !hosts.some(host => host.includes('*')))
    keys.push({ name: 'host', read: hostReader, values: hosts });
  return keys;
}

function push<C>(map: Map<string, C[]>, key: string, candidate: C): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [candidate]);
  else known.push(candidate);
}
