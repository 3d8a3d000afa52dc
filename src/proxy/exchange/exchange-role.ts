import type { EdgeRequests } from '../../telemetry/mesh-metrics.ts';
import type { ClusterRuntime } from '../cluster/cluster-runtime.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { RouteRuntime } from '../route/route-table.ts';
import type { Failure } from './failure.ts';

/** What is decided about a request, once, when its head is complete. The exchange owns the object and a role fills it in. */
export interface Decision {
  cluster: ClusterRuntime | null;
  route: RouteRuntime | null;
  /** The head to send upstream, but for attempt count and empty line. */
  head: string;
  requestId: string;
  /** Counters of this request where the endpoint does not tell them; `null`: the endpoint's or the cluster's own. */
  requests: EdgeRequests | null;
}

/** What a listener does with requests. One object per connection. */
export interface ExchangeRole {
  /** Whether answers carry `x-envoy-upstream-service-time` and requests the attempt count: the caller's side does. */
  readonly callerSide: boolean;
  /** Counters of requests for which neither cluster nor route was found. */
  readonly unrouted: EdgeRequests;
  /** How long a connection may wait for its next request, in ms. */
  readonly keepAliveMs: number;
  /** Fills in the decision. Returns why the request is not forwarded, `null` when it is. */
  decide(head: RequestHead, decision: Decision): Failure | null;
}
