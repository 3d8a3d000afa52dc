import type { ConnectionLimits, HashPolicy, HealthCheck, OutlierPolicy } from '../snapshot/cluster-policy.ts';
import type { RateLimit } from '../snapshot/route-rule.ts';
import type { BalancerKind, UpstreamProtocol } from '../snapshot/snapshot.ts';

/** How a service is reached and how much of it. An absent field is a feature that is not configured. */
export interface ServicePolicy {
  readonly balancer: BalancerKind;
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
  readonly upstreamProtocol?: UpstreamProtocol;
  readonly maxRequestsPerConnection?: number;
  /** At the service's own sidecar. */
  readonly rateLimits?: readonly RateLimit[];
}
