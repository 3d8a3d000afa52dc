import type { RetryPolicy, RouteRule, RouteTable, VirtualHost } from '../../snapshot/route-rule.ts';
import type { RequestFilter } from '../filters/filter.ts';
import { routeFilters } from '../filters/order.ts';
import { hostOf } from '../http1/authority.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { VerifiedToken } from '../token/verified-token.ts';
import { judgedMatch, routedPath } from './path.ts';
import { compileConditions } from './route-match.ts';
import type { Candidate } from './rule-bucket.ts';
import { RuleIndex } from './rule-index.ts';
import type { RuleParts } from './rule-parts.ts';

/** A rule as it runs. */
export interface RouteRuntime {
  readonly name: string;
  /** With the virtual host's name, as hits are counted: `reviews/canary`. */
  readonly fullName: string;
  readonly rule: RouteRule;
  readonly timeoutMs: number | null;
  readonly idleTimeoutMs: number | null;
  readonly retry: RetryPolicy | null;
  /** What a request passes, in order, the choice of the cluster among it. */
  readonly filters: readonly RequestFilter[];
}

/** One match of one rule, or a rule without matches. */
export interface RouteCandidate extends Candidate {
  readonly route: RouteRuntime;
  /** Which of the rule's matches this is; -1 where the rule has none. */
  readonly matched: number;
}

/** A virtual host as it runs. */
export interface HostRuntime {
  readonly name: string;
  /** In the order of the rules. */
  readonly candidates: readonly RouteCandidate[];
  readonly index: RuleIndex<RouteCandidate>;
}

interface Affix {
  readonly text: string;
  readonly host: HostRuntime;
}

/** The authorities of a client are few; strange ones must not fill the memory. */
const maxKnownAuthorities = 512;

/** A route table as it runs: finds a request's rule. */
export class RouteTableRuntime {
  readonly name: string;
  readonly #exact = new Map<string, HostRuntime>();
  /** Longest first. */
  readonly #suffixes: Affix[] = [];
  readonly #prefixes: Affix[] = [];
  #any: HostRuntime | null = null;
  readonly #judgesPaths: boolean;
  readonly #known = new Map<string, HostRuntime | null>();

  /** @throws SyntaxError when a regular expression of the table cannot be compiled */
  constructor(table: RouteTable, parts: RuleParts) {
    this.name = table.name;
    this.#judgesPaths = table.virtualHosts.some(({ rules }) =>
      rules.some(({ matches }) => matches.some(({ path }) => path !== null)),
    );
    for (const host of table.virtualHosts) this.#add(host, parts);
    const longest = (a: Affix, b: Affix): number => b.text.length - a.text.length;
    this.#suffixes.sort(longest);
    this.#prefixes.sort(longest);
  }

  /**
   * The first rule that matches the head just read, and which of its matches does; `null` for none. `path`: that of its target. Where rules judge paths the
   * head gets the form that they judge: the service must not take it for another path than they did. `token`: the request's verified one.
   */
  find(head: RequestHead, path: string, token: VerifiedToken | null = null): RouteCandidate | null {
    const judged = this.judgedPath(path);
    if (judged !== path) head.setPath(judged);
    return this.hostFor(head.authority)?.index.find(head, judged, token) ?? null;
  }

  /** The form of a path that rules judge. */
  judgedPath(path: string): string {
    return this.#judgesPaths && path !== '*' ? routedPath(path) : path;
  }

  /** The virtual host whose rules an authority gets. */
  hostFor(authority: string): HostRuntime | null {
    const known = this.#known.get(authority);
    if (known !== undefined) return known;
    const host = this.#search(hostOf(authority));
    if (this.#known.size < maxKnownAuthorities) this.#known.set(authority, host);
    return host;
  }

  #search(host: string): HostRuntime | null {
    return (
      this.#exact.get(host) ??
      this.#suffixes.find(({ text }) => host.length > text.length && host.endsWith(text))?.host ??
      this.#prefixes.find(({ text }) => host.length > text.length && host.startsWith(text))?.host ??
      this.#any
    );
  }

  #add(virtual: VirtualHost, parts: RuleParts): void {
    const host = compileHost(virtual, this.name, parts);
    for (const domain of virtual.domains) {
      if (domain === '*') this.#any = host;
      else if (domain.startsWith('*')) this.#suffixes.push({ text: domain.slice(1), host });
      else if (domain.endsWith('*')) this.#prefixes.push({ text: domain.slice(0, -1), host });
      else this.#exact.set(domain, host);
    }
  }
}

function compileHost({ name, rules }: VirtualHost, table: string, parts: RuleParts): HostRuntime {
  const candidates: RouteCandidate[] = [];
  const names = new Map<string, number>();
  for (const written of rules) {
    const rule = { ...written, matches: written.matches.map(judgedMatch) };
    // By name, not by place: a rule that is put in front of it does not make it another one.
    const namesakes = names.get(rule.name) ?? 0;
    names.set(rule.name, namesakes + 1);
    const key = JSON.stringify([table, name, rule.name, ...(namesakes === 0 ? [] : [namesakes])]);
    const route = compileRoute(rule, `${name}/${rule.name}`, key, parts);
    if (rule.matches.length === 0) candidates.push({ order: candidates.length, matched: -1, route, conditions: [] });
    for (const [matched, match] of rule.matches.entries())
      candidates.push({ order: candidates.length, matched, route, conditions: compileConditions(match) });
  }
  return { name, candidates, index: new RuleIndex(candidates) };
}

function compileRoute(rule: RouteRule, fullName: string, key: string, parts: RuleParts): RouteRuntime {
  const { name, timeoutMs, idleTimeoutMs = null, retry } = rule;
  return { name, fullName, rule, timeoutMs, idleTimeoutMs, retry, filters: routeFilters(rule, key, parts) };
}
