import type { EdgeRequests } from '../../telemetry/mesh-metrics.ts';
import type { ClusterRuntime } from '../cluster/cluster-runtime.ts';
import type { AskedQuestion } from '../filters/authorizer.ts';
import type { Verdict } from '../filters/filter.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { ResponseHead } from '../http1/response-head.ts';
import type { RouteRuntime } from '../route/route-table.ts';
import type { TokenProblem } from '../token/token-problem.ts';
import type { VerifiedToken } from '../token/verified-token.ts';
import type { RequestTrace } from '../tracing/request-trace.ts';

/** What is decided about a request when its head is complete. The exchange owns the object and a role fills it in. */
export interface Decision {
  cluster: ClusterRuntime | null;
  route: RouteRuntime | null;
  /** The head to send upstream, but for attempt count and empty line. */
  head: string;
  requestId: string;
  /** `null`: its trace context, if it has one, goes on as it came. */
  trace: RequestTrace | null;
  /** What the request's token says, for access rules and conditions of rules; `null`: it has none, or nobody looks for one. */
  token: VerifiedToken | null;
  /** Address of the real client where proxies that are believed stand in front; empty: that of the connection. */
  clientAddress: string;
  /** What external authorizers were asked, and said. */
  asked: readonly AskedQuestion[];
  /** What a wait found wrong with the token. */
  tokenProblem: TokenProblem | null;
  /** The target with its path made one, where that changed it; empty: as it came. */
  path: string;
  /** What access rules that enforce nothing say of the request, for the access log; empty: nothing. */
  marks: string;
  /** The rule's answer to `matches`: which of its conditions held; -1 where the rule has none. */
  matched: number;
  /** To wait before anything else happens, also before a local reply, in ms. */
  delayMs: number;
  /** Instead of an answer: `reset` cuts the client's connection, `blackhole` keeps it waiting. `decide` then returns a reply for the log only. */
  cut: 'no' | 'reset' | 'blackhole';
  /** Bytes of the answer per second; 0: as fast as they come. */
  bandwidth: number;
  /** Where copies go. */
  mirrors: readonly ClusterRuntime[];
  /** For a balancer that hashes; `null`: there is nothing to hash. */
  hash: number | null;
  /** Whole lines for the request's head. */
  lines: string;
  /** Set of the fields that the sidecar adds by itself and that a rule puts its own in place of, or removes. */
  replaced: number;
  /** Whole lines for the answer's head, whoever answers. */
  answerLines: string;
  /** Changes the answer's head and returns whole lines to add; local replies are not changed. `null`: nothing to change. */
  editAnswer: ((head: ResponseHead) => string) | null;
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
  /** The client chose its HTTP version for the gateway, not for the service: only gRPC keeps HTTP/2 towards servers of which nobody said the version. */
  readonly atEdge?: boolean;
  /** SPIFFE ID of the client's certificate; empty or absent: it has none. */
  readonly peer?: string;
  /** That the client asked for in its TLS handshake; empty or absent: none. */
  readonly serverName?: string;
  /** Whether the rules of this moment still know the listener that the connection came by. */
  listed(): boolean;
  /** Whether the rules of this moment refuse whatever the client sends. */
  refused?(): boolean;
  /** Fills in the decision. `null`: the request is forwarded. After a wait it is asked again, with a decision in which only findings about the request are left. */
  decide(head: RequestHead, decision: Decision): Verdict;
}
