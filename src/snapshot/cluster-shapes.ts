/** Shapes of clusters and of their policies. */
import { isIP } from 'node:net';
import type { ConnectionLimits, HashPolicy, HealthCheck, OutlierPolicy, TlsOrigination } from './cluster-policy.ts';
import {
  anyText,
  cookieName,
  cookiePath,
  durationMs,
  headerName,
  name,
  pathText,
  percent,
  port,
  serverAddress,
  spiffe,
  upstreamProtocol,
} from './forms.ts';
import { list, object, on, oneOf, optional, type Shape, SnapshotError, share, tagged, whole } from './shape.ts';
import type { Cluster, Endpoint } from './snapshot.ts';

const endpoint = object<Endpoint>({
  workload: name,
  address: serverAddress,
  port,
  tls: oneOf('mtls', 'plain', 'tls'),
  version: optional(name),
});

const hash = object<HashPolicy>({
  by: tagged<HashPolicy['by']>({
    header: { name: headerName },
    query: { name: anyText },
    source: {},
    cookie: { name: cookieName, path: cookiePath, ttlMs: optional(whole(0)) },
  }),
  // Envoy's own bound: a ring is built for every cluster of every sidecar.
  minRingSize: whole(1, 8 * 1024 * 1024),
});

const limits = object<ConnectionLimits>({
  maxConnections: optional(whole(0)),
  maxPendingRequests: optional(whole(0)),
  maxRequests: optional(whole(0)),
  maxRetries: optional(whole(0)),
  retryBudget: optional(object<NonNullable<ConnectionLimits['retryBudget']>>({ percent: share(100), minConcurrency: whole(0) })),
});

const outliers = object<OutlierPolicy>({
  consecutive5xx: whole(0),
  consecutiveGatewayErrors: whole(0),
  consecutiveLocalErrors: whole(0),
  intervalMs: durationMs,
  baseEjectionMs: durationMs,
  maxEjectionPercent: percent,
  minHealthPercent: percent,
});

const healthCheck = object<HealthCheck>({
  probe: tagged<HealthCheck['probe']>({
    http: { path: pathText, statuses: list(whole(100, 599)) },
    tcp: {},
    grpc: { service: anyText },
  }),
  intervalMs: durationMs,
  timeoutMs: durationMs,
  healthyThreshold: whole(1),
  unhealthyThreshold: whole(1),
});

const tls = object<TlsOrigination>({ serverName: serverAddress, caPem: optional(name), insecure: optional(on) });

const plainCluster = object<Cluster>({
  name,
  service: name,
  subset: anyText,
  port,
  endpoints: list(endpoint, item => `${item.workload} ${item.address}:${item.port}`),
  balancer: oneOf('round-robin', 'least-request', 'random', 'ring-hash', 'peak-ewma'),
  connectTimeoutMs: durationMs,
  identities: list(spiffe),
  idleTimeoutMs: durationMs,
  hash: optional(hash),
  slowStartMs: optional(durationMs),
  limits: optional(limits),
  outliers: optional(outliers),
  healthCheck: optional(healthCheck),
  protocol: optional(upstreamProtocol),
  maxRequestsPerConnection: optional(whole(1)),
  tls: optional(tls),
  resolution: optional(oneOf('dns', 'original')),
});

/** A cluster whose parts fit each other. */
export const cluster: Shape<Cluster> = (value, path) => {
  const item = plainCluster(value, path);
  if ((item.balancer === 'ring-hash') !== (item.hash !== undefined))
    throw new SnapshotError(`${path}.hash`, 'expected with balancer ring-hash, and only with it');
  for (const [index, one] of item.endpoints.entries()) {
    if (one.tls === 'tls' && item.tls === undefined)
      throw new SnapshotError(`${path}.endpoints[${index}].tls`, 'the cluster says nothing of TLS');
    if (item.resolution === undefined && isIP(one.address) === 0)
      throw new SnapshotError(`${path}.endpoints[${index}].address`, 'expected an IP address');
  }
  return item;
};
