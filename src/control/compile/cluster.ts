/** Clusters: the endpoints of one service, version and port, and the policy for reaching them. */
import { identityOf } from '../../config/identity-of.ts';
import type { MeshConfig, ServiceConfig } from '../../config/mesh-config.ts';
import type { Cluster, Endpoint } from '../../snapshot/snapshot.ts';
import { type Changeover, callersSend } from '../mtls-changeover.ts';
import type { RegisteredWorkload } from '../registry.ts';
import { externalCluster, externalOf } from './external-cluster.ts';
import { clusterPolicy } from './policy.ts';

/** What a cluster is for. */
export interface ClusterKey {
  readonly service: string;
  /** `''` = all versions. */
  readonly subset: string;
  readonly port: number;
}

/** An idle mTLS connection costs both sides some 60 KiB; after a minute without a request it is worth less than a new handshake. */
const idleTimeoutMs = 60_000;
/** For a service that is not in the configuration (any more): its cluster is empty, the value is never used. */
const connectTimeoutMs = 10_000;

/** `outbound|9080|v1|reviews` */
export function clusterName({ service, subset, port }: ClusterKey): string {
  return `outbound|${port}|${subset}|${service}`;
}

/** The cluster with the endpoints that may take traffic now; none of them: an empty cluster, answered with 503 UH. */
export function compileCluster(
  key: ClusterKey,
  config: MeshConfig,
  workloads: readonly RegisteredWorkload[],
  changeover: Changeover,
): Cluster {
  const external = externalOf(config, key.service);
  const service = external ?? config.services.find(item => item.name === key.service);
  return {
    name: clusterName(key),
    ...key,
    endpoints: service === undefined ? [] : endpointsOf(key, service, workloads, changeover),
    balancer: 'round-robin',
    connectTimeoutMs,
    identities: [identityOf(config, key.service)],
    idleTimeoutMs,
    ...(service === undefined ? {} : clusterPolicy(service, key.port)),
    ...(external === undefined ? {} : externalCluster(key, external)),
  };
}

/**
 * Ready workloads; where there are none, those that listen although their health check fails or has not run yet. A check that cannot
 * work (curl missing in the image) must not take a service away that answers without a mesh. Envoy calls this panic.
 */
function endpointsOf(
  key: ClusterKey,
  service: ServiceConfig,
  workloads: readonly RegisteredWorkload[],
  changeover: Changeover,
): Endpoint[] {
  const members = workloads.filter(
    workload =>
      workload.kind === 'sidecar' &&
      workload.address !== null &&
      workload.service === key.service &&
      (key.subset === '' || workload.version === key.subset),
  );
  const ready = members.filter(workload => workload.state === 'ready');
  const chosen = ready.length > 0 ? ready : members.filter(listens);
  return chosen
    .map(workload => ({
      workload: workload.name,
      address: workload.address ?? '',
      port: key.port,
      tls: callersSend(service, key.port, changeover),
      ...(workload.version === '' ? {} : { version: workload.version }),
    }))
    .sort((a, b) => (a.workload < b.workload ? -1 : 1));
}

function listens(workload: RegisteredWorkload): boolean {
  return workload.state === 'unhealthy' || (workload.listening?.length ?? 0) > 0;
}
