/**
 * Part of the contract between the planes: route tables, and all that a rule can ask for. Canonical as everything in a snapshot.
 */
import type { ClaimMatch } from './token-policy.ts';

/** The rules of one listener, by host. */
export interface RouteTable {
  readonly name: string;
  readonly virtualHosts: readonly VirtualHost[];
}

/** The rules of some hosts. */
export interface VirtualHost {
  readonly name: string;
  /** Lower case, without port: exact, `*.suffix`, `prefix.*` or `*`. Longest exact > suffix > prefix > `*`. */
  readonly domains: readonly string[];
  /** First match wins. None: 404 NR. */
  readonly rules: readonly RouteRule[];
}

/** Requests that match share one action and one policy. */
export interface RouteRule {
  /** For logs, metrics and `proxy-config`. */
  readonly name: string;
  /** OR; empty = every request. */
  readonly matches: readonly RouteMatch[];
  readonly action: RouteAction;
  /** Whole-request timeout in ms covering all tries; `null` = none. */
  readonly timeoutMs: number | null;
  readonly retry: RetryPolicy | null;
  /** No byte either way for this long: 504 before the answer began, a reset afterwards. */
  readonly idleTimeoutMs?: number;
  readonly requestHeaders?: HeaderEdits;
  readonly responseHeaders?: HeaderEdits;
  readonly cors?: CorsPolicy;
  /** In order; delays add up, the first that ends the request does. Those of mesh.yaml first, then those put there live. */
  readonly faults?: readonly Fault[];
  readonly mirrors?: readonly Mirror[];
  /** All of them must let a request pass. */
  readonly rateLimits?: readonly RateLimit[];
}

/** All given conditions must hold (AND). */
export interface RouteMatch {
  readonly path: PathMatch | null;
  /** Empty = any; upper case tokens. */
  readonly methods: readonly string[];
  readonly headers: readonly NamedMatch[];
  readonly query: readonly NamedMatch[];
  /** Lower case authorities without port: exact, `*.suffix` or `prefix.*`. Absent or empty: any. */
  readonly hosts?: readonly string[];
  /** Of the verified token; without one they never hold, but for `absent` and `not`. Absent or empty: any. */
  readonly claims?: readonly ClaimMatch[];
}

/**
 * `prefix` compares whole segments: `/a` matches `/a` and `/a/b`, not `/ab`; `starts-with` compares text, as Istio's `prefix` does. Query never included.
 * `regex`: whole path.
 */
export interface PathMatch {
  readonly kind: 'exact' | 'prefix' | 'starts-with' | 'regex';
  readonly value: string;
}

/**
 * Header names are lower case. `regex` must match the whole value. `value` is empty for `present` and `absent`. Several fields of one name are joined by `,`.
 * `not`: must not match; a missing value then counts as the empty string (Istio's `withoutHeaders`).
 */
export interface NamedMatch {
  readonly name: string;
  readonly kind: 'exact' | 'prefix' | 'regex' | 'present' | 'absent';
  readonly value: string;
  readonly not?: true;
}

/** What happens to a request that matches. */
export type RouteAction = ForwardAction | RedirectAction | RespondAction;

/** Sends the request on. */
export interface ForwardAction {
  readonly kind: 'forward';
  readonly split: readonly WeightedCluster[];
  /** Smooth weighted turns instead of draws: 90/10 is 9 and 1 of every 10. */
  readonly exact?: true;
  readonly rewrite?: Rewrite;
}

/** Answers with a redirection. Absent parts stay as the client wrote them. */
export interface RedirectAction {
  readonly kind: 'redirect';
  readonly status: 301 | 302 | 303 | 307 | 308;
  readonly scheme?: 'http' | 'https';
  readonly host?: string;
  /** A port that is the scheme's own is not written. */
  readonly port?: number;
  readonly path?: PathRewrite;
}

/** Answers in place of a service. */
export interface RespondAction {
  readonly kind: 'respond';
  readonly status: number;
  readonly body: string;
  readonly contentType: string;
}

/** How a forwarded request is changed. The old path is sent as `x-envoy-original-path`. */
export interface Rewrite {
  readonly path?: PathRewrite;
  readonly host?: string;
}

/**
 * The query always stays. `full`: the whole path. `prefix`: what the rule's path condition matched (the whole path for `exact` and `regex`). `regex`: every
 * place that `pattern` finds, `\\1` to `\\9` stand for its groups.
 */
export type PathRewrite =
  | { readonly kind: 'full'; readonly value: string }
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'regex'; readonly pattern: string; readonly value: string };

/** Removes first, then `set` (instead of what is there), then `add` (beside it). Names are lower case. `host` in a request's `set` rewrites the authority. */
export interface HeaderEdits {
  readonly remove: readonly string[];
  readonly set: readonly HeaderField[];
  readonly add: readonly HeaderField[];
}

/** One header field. */
export interface HeaderField {
  readonly name: string;
  readonly value: string;
}

/** A condition on a text; `regex` must match all of it. */
export interface TextMatch {
  readonly kind: 'exact' | 'prefix' | 'regex';
  readonly value: string;
}

/** Which web pages of other origins may call. Lists are joined by `,` as they are sent. */
export interface CorsPolicy {
  readonly allowOrigins: readonly TextMatch[];
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAgeSeconds?: number;
  readonly allowCredentials: boolean;
  /** A preflight whose origin does not match: `forward` to the service (Istio's default), or `ignore`: answered without CORS headers. */
  readonly unmatchedPreflights: 'forward' | 'ignore';
}

/**
 * A failure made on purpose. Draws of different faults are independent. HTTP knows all kinds, raw TCP all but `abort`.
 * `delay`: waits `ms` and up to `jitterMs` more. `abort`: answers with the status, or with `grpcStatus` to gRPC. `reset`: cuts the client's connection.
 * `blackhole`: never answers. `bandwidth`: bytes of the answer per second.
 */
export type Fault = FaultScope &
  (
    | { readonly kind: 'delay'; readonly ms: number; readonly jitterMs: number }
    | { readonly kind: 'abort'; readonly status: number; readonly grpcStatus?: number }
    | { readonly kind: 'reset' }
    | { readonly kind: 'blackhole' }
    | { readonly kind: 'bandwidth'; readonly bytesPerSecond: number }
  );

/** Which requests or connections a fault hits. */
export interface FaultScope {
  /** Of a fault put there live; absent for one of mesh.yaml. A fault whose id stays keeps its count over a swap. */
  readonly id?: string;
  /** 0 to 100. */
  readonly percent: number;
  /** Only the first so many that would be hit. */
  readonly first?: number;
}

/** Sends a copy of the request to another cluster; its answer is thrown away. */
export interface Mirror {
  readonly cluster: string;
  /** 0 to 100. */
  readonly percent: number;
}

/** A token bucket: 429, flag RL, when it is empty. */
export interface RateLimit {
  /** Tells buckets apart; one whose name and numbers stay keeps its tokens over a swap. */
  readonly name: string;
  readonly requests: number;
  readonly perMs: number;
  /** Tokens that can be saved up. */
  readonly burst: number;
  /** One bucket for all, one per calling identity, or one per value of a header (requests without it share one). */
  readonly by: { readonly kind: 'all' } | { readonly kind: 'source' } | { readonly kind: 'header'; readonly name: string };
}

/** Weights are relative; one entry only: the weight is ignored. Entries of weight 0 are not compiled when there are several. */
export interface WeightedCluster {
  readonly cluster: string;
  readonly weight: number;
  readonly requestHeaders?: HeaderEdits;
  readonly responseHeaders?: HeaderEdits;
}

/** Envoy's retry kinds. The last five look at `grpc-status` of an answer without body. */
export type RetryCondition =
  | 'connect-failure'
  | 'refused-stream'
  | 'reset'
  | 'reset-before-request'
  | '5xx'
  | 'gateway-error'
  | 'retriable-4xx'
  | 'retriable-status-codes'
  | 'envoy-ratelimited'
  | 'cancelled'
  | 'deadline-exceeded'
  | 'internal'
  | 'resource-exhausted'
  | 'unavailable';

/** When and how often a request is tried again. */
export interface RetryPolicy {
  /** Retries after the first try. */
  readonly attempts: number;
  readonly on: readonly RetryCondition[];
  readonly statusCodes: readonly number[];
  readonly perTryTimeoutMs: number | null;
  /** Methods that may be tried again; a connect failure is retried for every method. */
  readonly methods: readonly string[];
  /** Back-off before retry n: uniform in [0, (2^n - 1) * base), capped at ten times base. */
  readonly backoffBaseMs: number;
  /** @default ten times the base */
  readonly backoffMaxMs?: number;
}
