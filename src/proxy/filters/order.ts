/**
 * THE ORDER in which a request passes a sidecar; the only place that states it. What is not configured is not there.
 *
 * The caller's side, outbound and at a gateway:
 *
 * | step | where | why here |
 * |---|---|---|
 * | request id | `RoutingRole.decide` | first: refusals are found in the log by it too |
 * | TLS | `GatewayTlsServer` | at a gateway only: who the client is, by its certificate, is known from here on |
 * | listener's filters | `gatewayFilters`, below | at a gateway only: what holds for every request of a port, and what rules may then ask for |
 * | waiting | `Exchange` | only where a filter has somebody to ask: afterwards the request is judged anew from the start |
 * | rule | `RouteTableRuntime.find` | once, on the tables of this moment; everything below follows from the rule |
 * | rule's filters | `routeFilters`, below | what the rule says happens before the request is sent, the choice of the cluster among it |
 * | head | `RoutingRole.decide` | after everything that may change it: claims cut, request id, at a gateway `x-forwarded-*` |
 * | delay, cut | `Exchange` | before everything that takes time, so that a delay made on purpose does not use up the rule's own timeout |
 * | timeout | `Timeouts` | around all tries, and the waiting between them |
 * | copies | `MirrorRequest` | beside the tries: nothing that becomes of a copy reaches the client |
 * | limit of requests | `ClusterRuntime.begin` | once for all tries; a retry asks for room of its own (`beginRetry`) |
 * | retry | `Attempts` | around one try: endpoint, connection, answer |
 * | endpoint | `ClusterRuntime.pick` | anew for each try, another one than before where there is one |
 * | connection | `EndpointPool`, `Connector` | HTTP/1 or HTTP/2, a stream of a tunnel or a connection of its own, mTLS with secure naming; may wait for room |
 * | answer | `Exchange` | edits of the head, the narrow band: of the answer that the client is to get, so after the retries |
 *
 * The app's side, inbound:
 *
 * | step | where | why here |
 * |---|---|---|
 * | mTLS | `InboundAcceptor` | before a byte of the request is read: who calls is known from here on |
 * | filters | `inboundFilters`, below | before the app sees anything |
 * | head | `InboundRole.decide` | after everything that may change it: claims cut, the caller's identity, request id |
 * | app | `Exchange` | a cluster of one |
 *
 * Last on both sides, however the exchange ended: metrics and access log (`recordExchange`), so that refused requests are counted too.
 */
import type { AccessPolicy, PathNormalization } from '../../snapshot/access-policy.ts';
import type { RouteRule } from '../../snapshot/route-rule.ts';
import type { GatewayListener, InboundListener } from '../../snapshot/snapshot.ts';
import { AccessJudge, type JudgedPort } from '../access/access-judge.ts';
import type { RuleParts } from '../route/rule-parts.ts';
import { accessFilter } from './access.ts';
import { authorizerFilter } from './authorizer.ts';
import { corsFilter } from './cors.ts';
import { destinationFilter } from './destination.ts';
import { faultFilter } from './fault.ts';
import type { RequestFilter } from './filter.ts';
import { forwardedFilter } from './forwarded.ts';
import { mirrorFilter } from './mirror.ts';
import { pathFilter } from './normalise-path.ts';
import { rateLimitFilter } from './rate-limit.ts';
import { httpsRedirectFilter, redirectFilter } from './redirect.ts';
import { respondFilter } from './respond.ts';
import { rewriteFilter } from './rewrite.ts';
import { tokenFilter } from './token.ts';

/** What every request at a gateway's port passes before a rule is looked for, in this order. */
export function gatewayFilters(
  listener: GatewayListener,
  parts: RuleParts,
  access: AccessJudge | null = gatewayJudge(listener, parts),
): readonly RequestFilter[] {
  const { httpsRedirectPort, tokens = [], trustedHops = 0 } = listener;
  const chain: readonly (RequestFilter | null)[] = [
    // Nothing else is done for a request that came unprotected.
    httpsRedirectPort === undefined ? null : httpsRedirectFilter(httpsRedirectPort),
    // Whoever asks who the client is, and from where, is told the truth.
    trustedHops === 0 && access === null ? null : forwardedFilter(trustedHops),
    // Before everything that judges a path, rules among it.
    pathFilter(normalizationOf(listener)),
    // Before everything that asks what the token says, rules among it.
    tokens.length === 0 ? null : tokenFilter(tokens, parts),
    // As at the app's side.
    access === null || !asks(listener.access) ? null : authorizerFilter(access, parts),
    access === null ? null : accessFilter(access),
  ];
  return chain.filter(filter => filter !== null);
}

/** What a request that matches a rule passes on the caller's side, in this order. `key` tells the rule from all others of the sidecar. */
export function routeFilters(rule: RouteRule, key: string, parts: RuleParts): readonly RequestFilter[] {
  const { action, faults = [], cors, rateLimits = [], mirrors = [] } = rule;
  const chain: readonly (RequestFilter | null)[] = [
    // First, as in Envoy: a service that fails does not answer preflights either.
    faults.length === 0 ? null : faultFilter(faults, key, parts),
    // Preflights are no calls: they take no token and reach nobody.
    cors === undefined ? null : corsFilter(cors),
    // Before anything is chosen or sent.
    rateLimits.length === 0 ? null : rateLimitFilter(rateLimits, key, parts),
    // One of these three. The destination is chosen once for all tries: a retry must not change the version.
    action.kind === 'redirect' ? redirectFilter(action, rule) : null,
    action.kind === 'respond' ? respondFilter(action, rule) : null,
    action.kind === 'forward' ? destinationFilter(rule, action, key, parts) : null,
    // After all that looks at the path.
    action.kind === 'forward' && action.rewrite?.path !== undefined ? rewriteFilter(action.rewrite.path, rule.matches) : null,
    // Last: a copy is made of what is sent.
    mirrors.length === 0 ? null : mirrorFilter(mirrors, key, parts),
  ];
  return chain.filter(filter => filter !== null);
}

/** Whether a policy has rules that ask an authorizer. */
function asks(policy: AccessPolicy | null | undefined): boolean {
  return policy?.rules.some(rule => rule.action === 'custom') === true;
}

/** How a listener's paths are made one: where no rule judges them, the app gets them as they were sent, as without a mesh. */
export function normalizationOf({
  access,
  pathNormalization,
}: Pick<InboundListener | GatewayListener, 'access' | 'pathNormalization'>): PathNormalization {
  const judged = access?.rules.some(
    ({ conditions, dryRun, action }) => dryRun !== true && (action === 'custom' || conditions.some(({ on }) => on === 'path')),
  );
  return pathNormalization ?? (judged === true ? 'strict' : 'none');
}

/** Judges by the rules of a port; `null`: it has none. */
export function inboundJudge({ access, port }: InboundListener, parts: RuleParts): AccessJudge | null {
  return access === null ? null : judgeOf(access, { port, direct: true }, parts);
}

/** As `inboundJudge`; behind proxies that are believed the connection does not tell who the client is. */
export function gatewayJudge({ access, port, trustedHops }: GatewayListener, parts: RuleParts): AccessJudge | null {
  return access === undefined ? null : judgeOf(access, { port, direct: trustedHops === undefined }, parts);
}

/** Rules that stay the same keep what they know of open connections. */
function judgeOf(access: AccessPolicy, at: JudgedPort, { decisions, kept }: RuleParts): AccessJudge {
  return kept.keep(`access ${JSON.stringify([at, access])}`, () => new AccessJudge(access, at, decisions));
}

/** What a request from a peer passes on its way to the app, in this order. `access`: the listener's rules. */
export function inboundFilters(
  listener: InboundListener,
  parts: RuleParts,
  access: AccessJudge | null = inboundJudge(listener, parts),
): readonly RequestFilter[] {
  const { port, rateLimits = [], tokens = [] } = listener;
  const chain: readonly (RequestFilter | null)[] = [
    // Before everything that judges a path.
    pathFilter(normalizationOf(listener)),
    // Before everything that asks what the token says.
    tokens.length === 0 ? null : tokenFilter(tokens, parts),
    // Before the other access rules, as in Istio: what an authorizer sets is there for them.
    access === null || !asks(listener.access) ? null : authorizerFilter(access, parts),
    // Whoever may not call costs nothing more.
    access === null ? null : accessFilter(access),
    // After the access rules: a stranger must not use up a quota.
    rateLimits.length === 0 ? null : rateLimitFilter(rateLimits, `inbound ${port}`, parts),
  ];
  return chain.filter(filter => filter !== null);
}
