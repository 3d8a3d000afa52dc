/**
 * THE ORDER in which a request passes a sidecar; the only place that states it. What is not configured is not there.
 *
 * The caller's side, outbound and at a gateway:
 *
 * | step | where | why here |
 * |---|---|---|
 * | rule | `RouteTableRuntime.find` | once, on the tables of this moment; everything below follows from the rule |
 * | cluster | `RouteRuntime.split` | one draw for all tries: a retry must not change the version |
 * | head | `RoutingRole.decide` | after everything that may change it: claims cut, request id, at a gateway `x-forwarded-*` |
 * | timeout | `Exchange` | around all tries, and the waiting between them |
 * | retry | `Exchange` | around one try: endpoint, connection, answer |
 * | endpoint | `ClusterRuntime.pick` | anew for each try, another one than before where there is one |
 * | connection | `EndpointPool`, `Connector` | mTLS with secure naming |
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
import type { InboundListener } from '../../snapshot/snapshot.ts';
import { accessFilter } from './access.ts';
import type { RequestFilter } from './filter.ts';
import { normalisePath } from './normalise-path.ts';

/** What a request from a peer passes on its way to the app, in this order. */
export function inboundFilters({ access }: InboundListener): readonly RequestFilter[] {
  const chain: readonly (RequestFilter | null)[] = [
    // Before everything that judges a path. Without rules the app gets the path as it was sent, as without a mesh.
    access === null ? null : normalisePath,
    // Whoever may not call costs nothing more.
    access === null ? null : accessFilter(access),
  ];
  return chain.filter(filter => filter !== null);
}
