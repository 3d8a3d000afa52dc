/** How a service is reached and how much of it: the snapshot's own terms, re-stated here so that `config` needs no other folder (see `terms.ts`). */
import type { RateLimit } from './terms.ts';

/** Policy of a service. An absent field is a feature that is not configured. */
export interface ServicePolicy {
  readonly balancer: 'round-robin' | 'least-request' | 'random' | 'ring-hash' | 'peak-ewma';
  readonly connectTimeoutMs: number;
  /** Of pooled connections. */
  readonly idleTimeoutMs?: number;
  /** Balancer `ring-hash`: what is hashed. */
  readonly hash?: HashPolicy;
  readonly slowStartMs?: number;
  readonly limits?: ConnectionLimits;
  readonly outliers?: OutlierPolicy;
  readonly healthCheck?: HealthCheck;
  /** Absent: the version that the caller speaks, or that the port's name tells. */
  readonly upstreamProtocol?: 'preserve' | 'http1' | 'http2';
  readonly maxRequestsPerConnection?: number;
  /** At the service's own sidecar. */
  readonly rateLimits?: readonly RateLimit[];
}

/** What a request is told by. */
export interface HashPolicy {
  readonly by:
    | { readonly kind: 'header'; readonly name: string }
    | { readonly kind: 'query'; readonly name: string }
    | { readonly kind: 'source' }
    | { readonly kind: 'cookie'; readonly name: string; readonly path: string; readonly ttlMs?: number };
  readonly minRingSize: number;
}

/** Bounds of one caller's sidecar. */
export interface ConnectionLimits {
  readonly maxConnections?: number;
  readonly maxPendingRequests?: number;
  readonly maxRequests?: number;
  readonly maxRetries?: number;
  readonly retryBudget?: { readonly percent: number; readonly minConcurrency: number };
}

/** When an endpoint that fails is left out for a while. 0: not counted. */
export interface OutlierPolicy {
  readonly consecutive5xx: number;
  readonly consecutiveGatewayErrors: number;
  readonly consecutiveLocalErrors: number;
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionPercent: number;
  readonly minHealthPercent: number;
}

/** Asks endpoints whether they are well. */
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
