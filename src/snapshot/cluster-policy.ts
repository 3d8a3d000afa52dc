/** What a cluster asks of the sidecars that reach it; a part of the contract in `snapshot.ts`. */

/** What a request is told by. A request without it goes to a random endpoint. */
export interface HashPolicy {
  readonly by:
    | { readonly kind: 'header'; readonly name: string }
    | { readonly kind: 'query'; readonly name: string }
    | { readonly kind: 'source' }
    /** `ttlMs`: a client without the cookie gets one. */
    | { readonly kind: 'cookie'; readonly name: string; readonly path: string; readonly ttlMs?: number };
  /** @default 1024 */
  readonly minRingSize: number;
}

/** Bounds of one client's sidecar towards one cluster. Absent: none. Beyond: 503, flag UO, `x-envoy-overloaded: true`; raw TCP is closed. */
export interface ConnectionLimits {
  /** HTTP/1 connections and raw TCP connections. Requests beyond wait. */
  readonly maxConnections?: number;
  /** Requests that wait for a connection. */
  readonly maxPendingRequests?: number;
  /** Requests in progress. */
  readonly maxRequests?: number;
  /** Retries in progress. */
  readonly maxRetries?: number;
  /** Retries in progress, in percent of requests in progress, but always `minConcurrency`. Goes before `maxRetries`. */
  readonly retryBudget?: { readonly percent: number; readonly minConcurrency: number };
}

/** When an endpoint that fails is left out for a while. Counted by each client for itself. 0: not counted. @see Envoy outlier detection */
export interface OutlierPolicy {
  readonly consecutive5xx: number;
  /** 502, 503, 504. */
  readonly consecutiveGatewayErrors: number;
  /** Connect failures, timeouts and resets apart from answers; 0: they count as 5xx. */
  readonly consecutiveLocalErrors: number;
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionPercent: number;
  /** With fewer healthy endpoints than this all are used (panic). */
  readonly minHealthPercent: number;
}

/** Asks endpoints whether they are well, from each client's sidecar. */
export interface HealthCheck {
  readonly probe:
    | { readonly kind: 'http'; readonly path: string; readonly statuses: readonly number[] }
    | { readonly kind: 'tcp' }
    | { readonly kind: 'grpc'; readonly service: string };
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
}

/** TLS towards servers outside the mesh. */
export interface TlsOrigination {
  readonly serverName: string;
  /** PEM of roots; absent: the system's. */
  readonly caPem?: string;
  /** The certificate is not checked. */
  readonly insecure?: true;
}
