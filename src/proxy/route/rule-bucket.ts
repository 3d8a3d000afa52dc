import type { RequestHead } from '../http1/request-head.ts';
import type { VerifiedToken } from '../token/verified-token.ts';
import { allOf, type Condition, headerReader, hostReader, type Matcher, queryReader, type Reader } from './route-match.ts';

/** One match of one rule, or a rule without matches. */
export interface Candidate {
  /** Place in the list of all candidates: the lowest that matches wins. */
  readonly order: number;
  /** All must hold; none: every request. */
  readonly conditions: readonly Condition[];
}

/** Fewer are tried one after the other sooner than looked up. */
const worthIndexing = 5;

interface Entry<C> {
  readonly candidate: C;
  readonly order: number;
  /** What is not known yet when the entry is found; `null`: nothing. */
  readonly test: Matcher | null;
}

/** Something that candidates can be told apart by, and the condition that asks for it. */
interface Key {
  readonly name: string;
  readonly read: Reader;
  readonly values: readonly string[];
  readonly condition: Condition;
}

/** Candidates that share a path, in order. Where many ask for exact values of one header, parameter or host, those are looked up. */
export class Bucket<C extends Candidate> {
  readonly #rest: readonly Entry<C>[];
  readonly #read: Reader | null;
  readonly #byValue: ReadonlyMap<string, readonly Entry<C>[]>;

  constructor(candidates: readonly C[]) {
    const name = candidates.length < worthIndexing ? null : bestKey(candidates);
    const byValue = new Map<string, Entry<C>[]>();
    const rest: Entry<C>[] = [];
    let read: Reader | null = null;
    for (const candidate of candidates) {
      const key = name === null ? undefined : keysOf(candidate.conditions).find(one => one.name === name);
      const open = candidate.conditions.filter(one => one !== key?.condition && !isKnown(one));
      const entry = { candidate, order: candidate.order, test: open.length === 0 ? null : allOf(open) };
      if (key === undefined) rest.push(entry);
      else {
        read = key.read;
        for (const value of new Set(key.values)) byValue.set(value, [...(byValue.get(value) ?? []), entry]);
      }
    }
    this.#read = read;
    this.#byValue = byValue;
    this.#rest = rest;
  }

  /** The first that matches and comes before `best`; `best` where there is none. */
  find(head: RequestHead, path: string, token: VerifiedToken | null, best: C | null): C | null {
    const among = this.#rest.length === 0 ? best : first(this.#rest, head, path, token, best);
    if (this.#read === null) return among;
    const value = this.#read(head);
    const some = value === null ? undefined : this.#byValue.get(value);
    return some === undefined ? among : first(some, head, path, token, among);
  }
}

/** Whether a request that was led to a candidate by its path fulfils the condition already. */
function isKnown(condition: Condition): boolean {
  if (condition.kind !== 'path') return false;
  const { kind, value } = condition.of;
  return kind === 'exact' || (kind === 'prefix' && value !== '/');
}

function first<C extends Candidate>(
  entries: readonly Entry<C>[],
  head: RequestHead,
  path: string,
  token: VerifiedToken | null,
  best: C | null,
): C | null {
  const before = best === null ? Number.POSITIVE_INFINITY : best.order;
  for (const { order, test, candidate } of entries) {
    if (order >= before) break;
    if (test === null || test(head, path, token)) return candidate;
  }
  return best;
}

/** Name of the key that tells most candidates apart, `null` when none is worth it. */
function bestKey(candidates: readonly Candidate[]): string | null {
  const values = new Map<string, Set<string>>();
  for (const { conditions } of candidates) {
    for (const key of keysOf(conditions)) {
      const known = values.get(key.name) ?? new Set();
      for (const value of key.values) known.add(value);
      values.set(key.name, known);
    }
  }
  const [best] = [...values].sort(([, a], [, b]) => b.size - a.size);
  return best === undefined || best[1].size < worthIndexing ? null : best[0];
}

function keysOf(conditions: readonly Condition[]): readonly Key[] {
  const keys: Key[] = [];
  for (const condition of conditions) {
    if (condition.kind === 'header' || condition.kind === 'query') {
      const { name, kind, value, not } = condition.of;
      if (kind !== 'exact' || not === true) continue;
      const read = condition.kind === 'header' ? headerReader(name) : queryReader(name);
      keys.push({ name: `${condition.kind} ${name}`, read, values: [value], condition });
    } else if (condition.kind === 'hosts' && !condition.of.some(host => host.includes('*')))
      keys.push({ name: 'host', read: hostReader, values: condition.of, condition });
  }
  return keys;
}
