import { compilePattern } from '../../pattern/pattern.ts';
import type { PathMatch } from '../../snapshot/route-rule.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { VerifiedToken } from '../token/verified-token.ts';
import { PrefixTrie } from './prefix-trie.ts';
import { segmentsOf } from './route-match.ts';
import { Bucket, type Candidate } from './rule-bucket.ts';

/**
 * The candidates of one virtual host, found by their paths: exact ones and prefixes of segments in maps, prefixes that end within a segment in a trie, the
 * others together; a pattern by what every match of it begins with. So the cost of a request does not grow with the number of rules.
 */
export class RuleIndex<C extends Candidate> {
  readonly #exact: ReadonlyMap<string, Bucket<C>>;
  readonly #segments: ReadonlyMap<string, Bucket<C>>;
  /** By number of segments, whether there is such a prefix. */
  readonly #depths: readonly boolean[];
  readonly #texts = new PrefixTrie<Bucket<C>>();
  readonly #hasTexts: boolean;
  readonly #found: Bucket<C>[] = [];
  readonly #others: Bucket<C>;

  constructor(candidates: readonly C[]) {
    const exact = new Map<string, C[]>();
    const segments = new Map<string, C[]>();
    const texts = new Map<string, C[]>();
    const others: C[] = [];
    for (const candidate of candidates) {
      const path = candidate.conditions.find(({ kind }) => kind === 'path')?.of as PathMatch | undefined;
      const [map, key] = placeOf(path, exact, segments, texts);
      if (key === '') others.push(candidate);
      else map.set(key, [...(map.get(key) ?? []), candidate]);
    }
    const buckets = (map: Map<string, C[]>): ReadonlyMap<string, Bucket<C>> =>
      new Map([...map].map(([key, some]) => [key, new Bucket(some)]));
    this.#exact = buckets(exact);
    this.#segments = buckets(segments);
    this.#depths = depthsOf(segments.keys());
    for (const [text, some] of texts) this.#texts.at(text, () => new Bucket(some));
    this.#hasTexts = texts.size > 0;
    this.#others = new Bucket(others);
  }

  /** The first candidate of the list that matches the head just read. */
  find(head: RequestHead, path: string, token: VerifiedToken | null): C | null {
    let best = this.#exact.get(path)?.find(head, path, token, null) ?? null;
    if (this.#depths.length > 0) best = this.#findSegments(head, path, token, best);
    if (this.#hasTexts) {
      const count = this.#texts.find(path, this.#found);
      for (let i = 0; i < count; i++) best = this.#found[i]?.find(head, path, token, best) ?? best;
    }
    return this.#others.find(head, path, token, best);
  }

  #findSegments(head: RequestHead, path: string, token: VerifiedToken | null, before: C | null): C | null {
    let best = before;
    let end = 0;
    for (let depth = 1; depth < this.#depths.length && end < path.length; depth++) {
      const slash = path.indexOf('/', end + 1);
      end = slash < 0 ? path.length : slash;
      if (this.#depths[depth] === true) best = this.#segments.get(path.substring(0, end))?.find(head, path, token, best) ?? best;
    }
    return best;
  }
}

/** Where a candidate is found; the empty key: among the others. */
function placeOf<M>(path: PathMatch | undefined, exact: M, segments: M, texts: M): readonly [M, string] {
  switch (path?.kind) {
    case 'exact':
      return [exact, path.value];
    case 'prefix':
      return [segments, segmentsOf(path.value)];
    case 'starts-with':
    case 'regex': {
      const text = path.kind === 'regex' ? compilePattern(path.value).prefix : path.value;
      // Whole segments are one look, however many there are.
      return text.endsWith('/') ? [segments, segmentsOf(text)] : [texts, text];
    }
    default:
      return [texts, ''];
  }
}

function depthsOf(prefixes: Iterable<string>): readonly boolean[] {
  const depths: boolean[] = [];
  for (const prefix of prefixes) {
    const depth = prefix.split('/').length - 1;
    while (depths.length <= depth) depths.push(false);
    depths[depth] = true;
  }
  return depths;
}
