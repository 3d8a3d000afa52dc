/** DestinationRules as the policy of a service. */
import type { ServiceDocument } from '../mesh-document.ts';
import type { DestinationRuleSpec, TrafficPolicySpec } from './objects.ts';

const balancers: Readonly<Record<string, string>> = {
  ROUND_ROBIN: 'round-robin',
  RANDOM: 'random',
  LEAST_REQUEST: 'least-request',
  LEAST_CONN: 'least-request',
};

/** What a DestinationRule says about its service. `outside`: a service outside the mesh, whose TLS is told elsewhere. */
export function translateDestinationRule(
  spec: DestinationRuleSpec,
  outside: boolean,
  note: (message: string) => void,
): ServiceDocument {
  const { trafficPolicy = {}, subsets = [] } = spec;
  if (subsets.some(subset => subset.trafficPolicy !== undefined))
    note('policies of single subsets are left out: a service has one');
  if (trafficPolicy.portLevelSettings !== undefined) note('policies of single ports are left out: a service has one');
  const { connectionPool: { tcp = {}, http = {} } = {}, loadBalancer } = trafficPolicy;
  const warmup = loadBalancer?.warmup?.duration ?? loadBalancer?.warmupDurationSecs;
  // DISABLE is told of who is called. @see plaintextCallers
  const { mode = 'DISABLE' } = trafficPolicy.tls ?? {};
  if (!outside && mode !== 'DISABLE' && mode !== 'ISTIO_MUTUAL')
    note(`tls mode ${mode} is left out: the mesh secures its own services, \`external\` has \`tls\``);
  return {
    balancer: balancerOf(loadBalancer, note),
    slowStart: warmup,
    connectTimeout: tcp.connectTimeout,
    idleTimeout: http.idleTimeout ?? tcp.idleTimeout,
    upstreamProtocol: http.useClientProtocol === true ? 'preserve' : http.h2UpgradePolicy === 'UPGRADE' ? 'http2' : undefined,
    limits: limitsOf(tcp, http, trafficPolicy.retryBudget),
    outliers: outliersOf(trafficPolicy.outlierDetection),
  };
}

function balancerOf(spec: TrafficPolicySpec['loadBalancer'], note: (message: string) => void): ServiceDocument['balancer'] {
  const hash = spec?.consistentHash;
  if (hash === undefined) {
    if (spec?.simple === undefined || spec.simple === 'UNSPECIFIED') return undefined;
    const found = balancers[spec.simple];
    if (found === undefined) note(`the balancer ${spec.simple} is left out`);
    return found;
  }
  const minRingSize = hash.ringHash?.minimumRingSize ?? hash.minimumRingSize;
  const size = minRingSize === undefined ? {} : { minRingSize };
  const { httpHeaderName, httpQueryParameterName, httpCookie } = hash;
  if (httpHeaderName !== undefined) return { ringHash: { header: httpHeaderName, ...size } };
  if (httpQueryParameterName !== undefined) return { ringHash: { query: httpQueryParameterName, ...size } };
  if (httpCookie !== undefined) return { ringHash: { cookie: written({ ...httpCookie }), ...size } };
  return { ringHash: { source: true, ...size } };
}

function limitsOf(
  tcp: NonNullable<NonNullable<TrafficPolicySpec['connectionPool']>['tcp']>,
  http: NonNullable<NonNullable<TrafficPolicySpec['connectionPool']>['http']>,
  budget: TrafficPolicySpec['retryBudget'],
): ServiceDocument['limits'] {
  return written({
    connections: tcp.maxConnections,
    pending: http.http1MaxPendingRequests,
    requests: http.http2MaxRequests,
    retries: http.maxRetries,
    requestsPerConnection: http.maxRequestsPerConnection,
    retryBudget:
      budget === undefined ? undefined : { percent: `${budget.percent?.value ?? 20}%`, min: budget.minRetryConcurrency ?? 3 },
  });
}

/** An empty block turns detection on. */
function outliersOf(spec: TrafficPolicySpec['outlierDetection']): ServiceDocument['outliers'] {
  if (spec === undefined) return undefined;
  const percent = (value: number | undefined): string | undefined => (value === undefined ? undefined : `${value}%`);
  const local = spec.splitExternalLocalOriginErrors === true ? (spec.consecutiveLocalOriginFailures ?? 5) : undefined;
  return (
    written({
      consecutive5xx: spec.consecutive5xxErrors,
      consecutiveGatewayErrors: spec.consecutiveGatewayErrors,
      consecutiveLocalErrors: local,
      interval: spec.interval,
      ejectFor: spec.baseEjectionTime,
      maxEjected: percent(spec.maxEjectionPercent),
      minHealthy: percent(spec.minHealthPercent),
    }) ?? {}
  );
}

/** Only what is said; `undefined` where nothing is. */
function written(fields: Readonly<Record<string, unknown>>): Record<string, unknown> | undefined {
  const said = Object.entries(fields).filter(([, value]) => value !== undefined);
  return said.length === 0 ? undefined : Object.fromEntries(said);
}
