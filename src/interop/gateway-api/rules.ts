/** Rules: each alternative of a rule's conditions becomes a rule of its own, as each has its own place in the order. */
import type { RetriesDocument, RuleDocument, ShareDocument } from '../mesh-document.ts';
import { type FilterContext, translateFilters, translateHeaders } from './filters.ts';
import { translateMatch } from './match.ts';
import type { BackendSpec, RouteMatchSpec, RouteRuleSpec } from './objects.ts';

/** A rule of mesh.yaml for one alternative of the conditions of `rule`, without name and hosts. */
export function translateRule(rule: RouteRuleSpec, match: RouteMatchSpec, context: FilterContext): RuleDocument {
  const { backendRefs = [] } = rule;
  const lone = backendRefs.length === 1 ? (backendRefs[0]?.filters ?? []) : [];
  // Only a lone backend can speak for the whole rule; header changes stay with the share.
  const lifted = lone.filter(filter => filter.requestHeaderModifier === undefined && filter.responseHeaderModifier === undefined);
  for (const filter of backendRefs.length > 1 ? backendRefs.flatMap(backend => backend.filters ?? []) : [])
    if (!isHeaders(filter)) context.note(`the filter ${filter.type} of one of several backends is left out`);
  const filters = translateFilters([...(rule.filters ?? []), ...lifted], match, context);
  const conditions = translateMatch(match);
  return {
    ...(conditions === null ? {} : { match: [conditions] }),
    ...(filters.redirect === undefined ? forward(backendRefs, context) : {}),
    ...filters,
    ...timesOf(rule),
  };
}

function isHeaders(filter: { readonly requestHeaderModifier?: unknown; readonly responseHeaderModifier?: unknown }): boolean {
  return filter.requestHeaderModifier !== undefined || filter.responseHeaderModifier !== undefined;
}

/** Where a rule leads. Shares of backends that are not there answer 500. */
export function forward(backends: readonly BackendSpec[], context: FilterContext): RuleDocument {
  const shares = new Map<string, ShareDocument>();
  let lost = 0;
  for (const backend of backends) {
    const weight = backend.weight ?? 1;
    const to = context.destination(backend);
    if (to === null) lost += weight;
    else shares.set(to, { weight: weight + (shares.get(to)?.weight ?? 0), headers: translateHeaders(backend.filters ?? []) });
  }
  const total = [...shares.values()].reduce((sum, share) => sum + share.weight, 0);
  if (total === 0) return { respond: { status: 500 } };
  const failing = lost === 0 ? {} : { fault: [{ abort: 500, percent: `${(100 * lost) / (lost + total)}%` }] };
  const [first] = shares;
  if (shares.size === 1 && first !== undefined && first[1].headers === undefined) return { to: first[0], ...failing };
  const split = [...shares].map(([to, share]) => [to, share.headers === undefined ? share.weight : share] as const);
  return { split: Object.fromEntries(split), ...failing };
}

/** `0s` turns a timeout off. */
function timesOf({ timeouts, retry }: RouteRuleSpec): RuleDocument {
  const on = (duration: string | undefined) => (duration === undefined || /^0+[a-z]+$/.test(duration) ? undefined : duration);
  const whole = on(timeouts?.request);
  const perTry = on(timeouts?.backendRequest);
  // Without retries there is one try, whose time is that of the request.
  if (retry === undefined) return { timeout: perTry ?? whole };
  const { attempts = 2, codes = [], backoff } = retry;
  const retries: RetriesDocument = {
    attempts,
    // A server that breaks off is told by its own sidecar with 503, and a try that took too long with 504.
    on: ['connect-failure', 'refused-stream', 'reset', codes.length > 0 ? 'retriable-status-codes' : 'gateway-error'],
    codes: codes.length > 0 ? codes : undefined,
    perTry,
    backoff,
  };
  return { timeout: whole, retries };
}
