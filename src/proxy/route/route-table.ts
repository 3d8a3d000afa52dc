import type { RetryPolicy, RouteRule, RouteTable, VirtualHost, WeightedCluster } from '../../snapshot/snapshot.ts';
import type { ClusterRuntime } from '../cluster/cluster-runtime.ts';
import { hostOf } from '../http1/authority.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { compileMatch, type Matcher } from './route-match.ts';

/** A cluster name that the snapshot does not define stays `null`: 503 NC when it is chosen. */
export type FindCluster = (name: string) => ClusterRuntime | null;

/** Picks a cluster; `random` is uniform in [0, 1). */
export type Split = (random: () => number) => ClusterRuntime | null;

/** A rule as it runs. */
export interface RouteRuntime {
  readonly name: string;
  readonly timeoutMs: number | null;
  readonly retry: RetryPolicy | null;
  readonly split: Split;
}

interface Rule extends RouteRuntime {
  readonly matches: readonly Matcher[];
}

/** Compiles a weighted choice: independent draws, weights relative. */
export function compileSplit(weighted: readonly WeightedCluster[], find: FindCluster): Split {
  const [first] = weighted;
  if (first === undefined) return () => null;
  if (weighted.length === 1) {
    const only = find(first.cluster);
    return () => only;
  }
  let sum = 0;
  const steps = weighted.map(({ cluster, weight }) => {
    sum += weight;
    return { below: sum, cluster: find(cluster) };
  });
  return random => {
    const drawn = random() * sum;
    for (const step of steps) if (drawn < step.below) return step.cluster;
    return steps.at(-1)?.cluster ?? null;
  };
}

/** The authorities of a client are few; strange ones must not fill the memory. */
const maxKnownAuthorities = 512;

/** A route table as it runs: finds a request's rule. */
export class RouteTableRuntime {
  readonly #exact = new Map<string, readonly Rule[]>();
  /** Longest first. */
  readonly #suffixes: { readonly text: string; readonly rules: readonly Rule[] }[] = [];
  readonly #prefixes: { readonly text: string; readonly rules: readonly Rule[] }[] = [];
  #any: readonly Rule[] | null = null;
  readonly #known = new Map<string, readonly Rule[] | null>();

  /** @throws SyntaxError when a regular expression of the table cannot be compiled */
  constructor(table: RouteTable, find: FindCluster) {
    for (const host of table.virtualHosts) this.#add(host, find);
    const longest = (a: { readonly text: string }, b: { readonly text: string }): number => b.text.length - a.text.length;
    this.#suffixes.sort(longest);
    this.#prefixes.sort(longest);
  }

  /** The first rule that matches the head just read, `null` for none. */
  find(head: RequestHead, path: string): RouteRuntime | null {
    const rules = this.#rulesFor(head.authority);
    if (rules === null) return null;
    for (const rule of rules) {
      if (rule.matches.length === 0) return rule;
      for (const matches of rule.matches) if (matches(head, path)) return rule;
    }
    return null;
  }

  #rulesFor(authority: string): readonly Rule[] | null {
    const known = this.#known.get(authority);
    if (known !== undefined) return known;
    const rules = this.#search(hostOf(authority));
    if (this.#known.size < maxKnownAuthorities) this.#known.set(authority, rules);
    return rules;
  }

  #search(host: string): readonly Rule[] | null {
    return (
      this.#exact.get(host) ??
      this.#suffixes.find(({ text }) => host.length > text.length && host.endsWith(text))?.rules ??
      this.#prefixes.find(({ text }) => host.length > text.length && host.startsWith(text))?.rules ??
      this.#any
    );
  }

  #add(host: VirtualHost, find: FindCluster): void {
    const rules = host.rules.map(rule => compileRule(rule, find));
    for (const domain of host.domains) {
      if (domain === '*') this.#any = rules;
      else if (domain.startsWith('*')) this.#suffixes.push({ text: domain.slice(1), rules });
      else if (domain.endsWith('*')) this.#prefixes.push({ text: domain.slice(0, -1), rules });
      else this.#exact.set(domain, rules);
    }
  }
}

function compileRule(rule: RouteRule, find: FindCluster): Rule {
  return {
    name: rule.name,
    timeoutMs: rule.timeoutMs,
    retry: rule.retry,
    split: compileSplit(rule.action.kind === 'forward' ? rule.action.split : [], find),
    matches: rule.matches.map(compileMatch),
  };
}
