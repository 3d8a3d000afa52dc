import type { Fault, Mirror, RateLimit, RetryPolicy, RouteRule } from '../../snapshot/route-rule.ts';
import { hostOfEdits } from '../filters/header-edits.ts';
import { location } from '../filters/redirect.ts';
import { RequestHead } from '../http1/request-head.ts';
import type { VerifiedToken } from '../token/verified-token.ts';
import { type ConditionExplanation, explainCondition } from './explain-condition.ts';
import { pathOf } from './path.ts';
import { compilePathRewrite } from './path-rewrite.ts';
import type { RouteCandidate, RouteTableRuntime } from './route-table.ts';

/** A request that nobody sends: only its head is asked about. */
export interface ExplainedRequest {
  readonly method: string;
  /** With or without port. */
  readonly authority: string;
  /** With query. */
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** How the listener is spoken to. @default http */
  readonly scheme?: 'http' | 'https';
}

/** What a route table does with a request, as JSON. */
export interface RouteExplanation {
  readonly table: string;
  /** The virtual host that the authority belongs to; `null`: none, 404 NR. */
  readonly virtualHost: string | null;
  /** All rules of the virtual host, in order. */
  readonly rules: readonly RuleExplanation[];
  /** What the rule that is taken does; `null`: none is, 404 NR. */
  readonly outcome: OutcomeExplanation | null;
}

/** Why a rule is taken or not. */
export interface RuleExplanation {
  readonly name: string;
  /** `shadowed`: it matches too, but comes after the one that is taken. */
  readonly verdict: 'taken' | 'shadowed' | 'no match';
  /** None: it takes every request. */
  readonly matches: readonly MatchExplanation[];
}

/** Why one match of a rule holds or not. */
export interface MatchExplanation {
  readonly held: boolean;
  /** The first condition that does not hold; `null` when all do. */
  readonly failed: ConditionExplanation | null;
  readonly conditions: readonly ConditionExplanation[];
}

/** What the rule that is taken does with the request. */
export interface OutcomeExplanation {
  readonly rule: string;
  readonly action: ActionExplanation;
  readonly timeoutMs: number | null;
  readonly idleTimeoutMs: number | null;
  readonly retry: RetryPolicy | null;
  readonly faults: readonly Fault[];
  readonly rateLimits: readonly RateLimit[];
  readonly mirrors: readonly Mirror[];
  readonly cors: boolean;
}

/** The rule's action on this request. */
export type ActionExplanation =
  | {
      readonly kind: 'forward';
      readonly destinations: readonly { readonly cluster: string /** 0 to 1 */; readonly odds: number }[];
      /** In turns instead of by draws. */
      readonly exact: boolean;
      /** As the server sees it, with query. */
      readonly path: string;
      /** As the server sees it; `null` where it depends on the destination. */
      readonly authority: string | null;
    }
  | { readonly kind: 'redirect'; readonly status: number; readonly location: string }
  | { readonly kind: 'respond'; readonly status: number; readonly body: string };

/**
 * Says which rule of a running table takes a request and why the others do not. It asks the very conditions and index that requests are found with, and
 * changes nothing: nothing is drawn, no bucket is touched, no fault counts. `tokenOf` says what the request's token would say, were its
 * signature good, and may change the head as the listener's filters do.
 * @throws TypeError where the parts do not make a request
 */
export function explainRoute(
  table: RouteTableRuntime,
  request: ExplainedRequest,
  tokenOf: (head: RequestHead) => VerifiedToken | null = () => null,
): RouteExplanation {
  const head = headOf(request);
  const token = tokenOf(head);
  const path = table.judgedPath(pathOf(head.target));
  const host = table.hostFor(head.authority);
  const taken = table.find(head, path, token);
  const rules = new Map<RouteRule, RouteCandidate[]>();
  for (const candidate of host?.candidates ?? []) {
    const { rule } = candidate.route;
    rules.set(rule, [...(rules.get(rule) ?? []), candidate]);
  }
  return {
    table: table.name,
    virtualHost: host?.name ?? null,
    rules: [...rules].map(([rule, candidates]) => explainRule(rule, candidates, taken, head, path, token)),
    outcome: taken === null ? null : explainOutcome(taken, head, request.scheme ?? 'http'),
  };
}

/** The head that a client would send. @throws TypeError where the parts do not make a request */
export function headOf({ method, authority, path, headers }: ExplainedRequest): RequestHead {
  const others = headers.filter(([name]) => name.toLowerCase() !== 'host');
  const lines = [`${method} ${path} HTTP/1.1`, `host: ${authority}`, ...others.map(([name, value]) => `${name}: ${value}`)];
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
  const head = new RequestHead();
  // Anything left over would be a second request in disguise.
  if (head.read(bytes, 0, bytes.length) !== bytes.length) throw new TypeError('no server would understand this request');
  return head;
}

function explainRule(
  rule: RouteRule,
  candidates: readonly RouteCandidate[],
  taken: RouteCandidate | null,
  head: RequestHead,
  path: string,
  token: VerifiedToken | null,
): RuleExplanation {
  const matches = candidates
    .filter(({ matched }) => matched >= 0)
    .map(({ conditions }): MatchExplanation => {
      const explained = conditions.map(condition => explainCondition(condition, head, path, token));
      const failed = explained.find(({ held }) => !held) ?? null;
      return { held: failed === null, failed, conditions: explained };
    });
  const holds = rule.matches.length === 0 || matches.some(({ held }) => held);
  const verdict = taken?.route.rule === rule ? 'taken' : holds ? 'shadowed' : 'no match';
  return { name: rule.name, verdict, matches };
}

function explainOutcome({ route, matched }: RouteCandidate, head: RequestHead, scheme: 'http' | 'https'): OutcomeExplanation {
  const { rule, timeoutMs, idleTimeoutMs, retry } = route;
  const { faults = [], rateLimits = [], mirrors = [], cors } = rule;
  return {
    rule: rule.name,
    action: explainAction(rule, matched, head, scheme),
    ...{ timeoutMs, idleTimeoutMs, retry, faults, rateLimits, mirrors },
    cors: cors !== undefined,
  };
}

function explainAction(rule: RouteRule, matched: number, head: RequestHead, scheme: 'http' | 'https'): ActionExplanation {
  const { action } = rule;
  const path = pathOf(head.target);
  const query = head.target.slice(path.length);
  switch (action.kind) {
    case 'forward': {
      const { split, exact = false, rewrite } = action;
      const sum = split.reduce((total, { weight }) => total + weight, 0);
      const ofDestinations = new Set(split.map(({ requestHeaders }) => hostOfEdits(requestHeaders) ?? head.authority));
      const [ofAll] = ofDestinations;
      const rewritten =
        rewrite?.path === undefined || path === '*' ? path : compilePathRewrite(rewrite.path, rule.matches)(path, matched);
      return {
        kind: 'forward',
        destinations: split.map(({ cluster, weight }) => ({ cluster, odds: split.length === 1 ? 1 : weight / sum })),
        exact,
        path: rewritten + query,
        authority: rewrite?.host ?? hostOfEdits(rule.requestHeaders) ?? (ofDestinations.size === 1 ? (ofAll ?? null) : null),
      };
    }
    case 'redirect': {
      const to = action.path === undefined ? path : compilePathRewrite(action.path, rule.matches)(path, matched);
      return { kind: 'redirect', status: action.status, location: location(action, head.authority, scheme) + to + query };
    }
    case 'respond':
      return { kind: 'respond', status: action.status, body: action.body };
  }
}
