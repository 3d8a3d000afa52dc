import type { RunningConfig } from '../api/types.ts';

type Cluster = RunningConfig['clusters'][number];

/** What is configured for a cluster beside its balancer, in a few words; `-` for nothing. */
export function policyText({
  hash,
  slowStartMs,
  limits,
  outliers,
  healthCheck,
  protocol,
  maxRequestsPerConnection,
}: Cluster): string {
  const parts = [
    hash && `hash ${hash.by.kind}${'name' in hash.by ? ` ${hash.by.name}` : ''}`,
    slowStartMs && `slow start ${seconds(slowStartMs)}`,
    protocol && protocol !== 'preserve' && protocol,
    limits?.maxConnections !== undefined && `connections ${limits.maxConnections}`,
    limits?.maxPendingRequests !== undefined && `pending ${limits.maxPendingRequests}`,
    limits?.maxRequests !== undefined && `requests ${limits.maxRequests}`,
    limits?.maxRetries !== undefined && `retries ${limits.maxRetries}`,
    limits?.retryBudget && `retries ${limits.retryBudget.percent}%`,
    maxRequestsPerConnection && `${maxRequestsPerConnection} per connection`,
    outliers && `outliers max ${outliers.maxEjectionPercent}%`,
    healthCheck && `${healthCheck.probe.kind} check every ${seconds(healthCheck.intervalMs)}`,
  ];
  return parts.filter(part => typeof part === 'string').join(', ') || '-';
}

function seconds(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}
