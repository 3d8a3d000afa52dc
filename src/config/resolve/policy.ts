import type { ConnectionLimits, OutlierPolicy } from '../../snapshot/cluster-policy.ts';
import type { RateLimit } from '../../snapshot/route-rule.ts';
import type { PolicySpec } from '../schema/policy.ts';
import { type RateLimitSpec, rateLimitOf } from '../schema/rate-limit.ts';
import type { ServicePolicy } from '../service-policy.ts';
import type { YamlPath } from '../yaml-node.ts';
import type { Report } from './report.ts';

/** One second is a lot on one machine; five leaves room for a machine under load. */
const defaultConnectTimeoutMs = 5_000;
/** Envoy's defaults, which Istio documents. */
const defaultBudget = { percent: 20, minConcurrency: 3 };
const defaultOutliers: OutlierPolicy = {
  consecutive5xx: 5,
  consecutiveGatewayErrors: 0,
  consecutiveLocalErrors: 0,
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  maxEjectionPercent: 10,
  minHealthPercent: 0,
};

/** A service's policy in canonical form: only what is configured. */
export function policyOf(spec: PolicySpec): ServicePolicy {
  const { balancer, slowStart, idleTimeout, upstreamProtocol, healthCheck } = spec;
  const perConnection = spec.limits?.requestsPerConnection ?? 0;
  const limits = limitsOf(spec.limits);
  return {
    balancer: balancer?.kind ?? 'least-request',
    connectTimeoutMs: spec.connectTimeout ?? defaultConnectTimeoutMs,
    ...(idleTimeout === undefined ? {} : { idleTimeoutMs: idleTimeout }),
    ...(balancer?.hash === undefined ? {} : { hash: balancer.hash }),
    ...(slowStart === undefined || balancer?.kind === 'ring-hash' ? {} : { slowStartMs: slowStart }),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
    ...(spec.outliers === undefined ? {} : { outliers: outliersOf(spec.outliers) }),
    ...(healthCheck === undefined ? {} : { healthCheck }),
    ...(upstreamProtocol === undefined ? {} : { upstreamProtocol }),
    ...(perConnection === 0 ? {} : { maxRequestsPerConnection: perConnection }),
  };
}

/** Rate limits of a service; named by their place, so that one keeps its tokens over a reload. */
export function serviceRateLimits(service: string, specs: readonly RateLimitSpec[]): RateLimit[] {
  return specs.map((spec, index) => rateLimitOf(spec, `services.${service}.rateLimit[${index}]`));
}

/** What decides whether a policy can do anything. */
export interface PolicyFacts {
  /** Pods of all versions, or addresses. */
  readonly endpoints: number;
  readonly onlyTcp: boolean;
}

/** Says which parts of a policy do nothing. */
export function checkPolicy(
  spec: PolicySpec & { readonly rateLimit?: unknown },
  path: YamlPath,
  facts: PolicyFacts,
  report: Report,
): void {
  const ignored = (at: YamlPath, why: string, hint: string): void =>
    report.warning([...path, ...at], {
      code: 'no-effect',
      key: true,
      message: `\`${at.join('.')}\` does nothing: ${why}`,
      hint,
    });
  const { balancer, slowStart, limits } = spec;
  if (slowStart !== undefined && balancer?.kind === 'ring-hash')
    ignored(['slowStart'], 'on a ring every request has its endpoint', 'remove it, or choose another balancer');
  if (limits?.pending !== undefined && limits.connections === undefined)
    ignored(['limits', 'pending'], 'requests wait only where `connections` is limited', 'write `connections: 100` beside it');
  if (limits?.retries !== undefined && limits.retryBudget !== undefined)
    ignored(['limits', 'retries'], '`retryBudget` goes before it', 'keep one of the two');
  if (spec.upstreamProtocol === 'http2')
    for (const part of ['connections', 'pending'] as const)
      if (limits?.[part] !== undefined)
        ignored(['limits', part], 'HTTP/2 requests share a connection', 'limit `requests` instead');
  if (facts.onlyTcp) {
    checkTcp(spec, ignored);
    if (spec.rateLimit !== undefined) ignored(['rateLimit'], 'it counts HTTP requests', 'remove it, or write `protocol: http`');
  }
  checkOutliers(spec, path, facts, report);
}

function checkTcp(spec: PolicySpec, ignored: (at: YamlPath, why: string, hint: string) => void): void {
  const why = 'the service speaks tcp';
  const hint = 'remove it, or write `protocol: http`';
  const by = spec.balancer?.hash?.by.kind ?? 'source';
  if (by !== 'source') ignored(['balancer', 'ringHash', by], why, 'tell connections by `source: true`');
  if (spec.upstreamProtocol !== undefined) ignored(['upstreamProtocol'], why, hint);
  for (const part of ['pending', 'requests', 'retries', 'retryBudget', 'requestsPerConnection'] as const)
    if (spec.limits?.[part] !== undefined) ignored(['limits', part], why, hint);
}

/** With Istio's 10 % nobody is ever ejected from fewer than ten: the trap of every first try. */
function checkOutliers({ outliers }: PolicySpec, path: YamlPath, { endpoints }: PolicyFacts, report: Report): void {
  if (outliers === undefined) return;
  const { consecutive5xx, consecutiveGatewayErrors, consecutiveLocalErrors, maxEjectionPercent } = outliersOf(outliers);
  const at = [...path, 'outliers'];
  if (consecutive5xx + consecutiveGatewayErrors + consecutiveLocalErrors === 0) {
    const hint = 'give one of the three counts a number above 0';
    report.warning(at, { code: 'outliers-never-eject', key: true, message: 'no error is counted, so nobody is ejected', hint });
  } else if (endpoints > 0 && 100 / endpoints > maxEjectionPercent) {
    const least = Math.ceil(100 / endpoints);
    const share = endpoints === 1 ? 'the only endpoint is 100%' : `one of ${endpoints} endpoints is ${least}%`;
    const message = `nobody is ever ejected: ${share}, and at most ${maxEjectionPercent}% may be out`;
    const written = outliers.maxEjected === undefined ? at : [...at, 'maxEjected'];
    report.warning(written, { code: 'outliers-never-eject', key: true, message, hint: `write \`maxEjected: ${least}%\`` });
  }
}

function limitsOf(spec: PolicySpec['limits']): ConnectionLimits {
  const { connections, pending, requests, retries, retryBudget } = spec ?? {};
  return {
    ...(connections === undefined ? {} : { maxConnections: connections }),
    ...(pending === undefined ? {} : { maxPendingRequests: pending }),
    ...(requests === undefined ? {} : { maxRequests: requests }),
    ...(retries === undefined || retryBudget !== undefined ? {} : { maxRetries: retries }),
    ...(retryBudget === undefined
      ? {}
      : {
          retryBudget: {
            percent: retryBudget.percent ?? defaultBudget.percent,
            minConcurrency: retryBudget.min ?? defaultBudget.minConcurrency,
          },
        }),
  };
}

function outliersOf(spec: NonNullable<PolicySpec['outliers']>): OutlierPolicy {
  return {
    consecutive5xx: spec.consecutive5xx ?? defaultOutliers.consecutive5xx,
    consecutiveGatewayErrors: spec.consecutiveGatewayErrors ?? defaultOutliers.consecutiveGatewayErrors,
    consecutiveLocalErrors: spec.consecutiveLocalErrors ?? defaultOutliers.consecutiveLocalErrors,
    intervalMs: spec.interval ?? defaultOutliers.intervalMs,
    baseEjectionMs: spec.ejectFor ?? defaultOutliers.baseEjectionMs,
    maxEjectionPercent: spec.maxEjected ?? defaultOutliers.maxEjectionPercent,
    minHealthPercent: spec.minHealthy ?? defaultOutliers.minHealthPercent,
  };
}
