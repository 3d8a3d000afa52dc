import { serviceId } from '../identity/spiffe-id.ts';
import type { Cluster, Endpoint, Snapshot } from '../snapshot/snapshot.ts';
import type { Edge } from '../telemetry/mesh-metrics.ts';
import type { PeerIdentity } from './data-plane.ts';

const unknown = 'unknown';

/** The edge that this sidecar counts as the caller. `endpoint` is `null` where none was picked. */
export function sourceEdge(snapshot: Snapshot, cluster: Cluster | null, endpoint: Endpoint | null): Edge {
  const version = cluster === null || cluster.subset === '' ? unknown : cluster.subset;
  return {
    reporter: 'source',
    sourceWorkload: deploymentOf(snapshot.workload),
    sourceApp: snapshot.service,
    sourceVersion: snapshot.serviceVersion === '' ? unknown : snapshot.serviceVersion,
    sourcePrincipal: serviceId(snapshot.trustDomain, snapshot.service),
    destinationWorkload: endpoint === null ? unknown : deploymentOf(endpoint.workload),
    destinationService: cluster?.service ?? unknown,
    destinationVersion: version,
    destinationPrincipal: cluster?.identities[0] ?? unknown,
    security: 'unknown',
  };
}

/** The edge that this sidecar counts as the server. */
export function destinationEdge(snapshot: Snapshot, peer: PeerIdentity | null): Edge {
  const service = peer === null ? unknown : (peer.spiffeId.split('/').at(-1) ?? unknown);
  return {
    reporter: 'destination',
    sourceWorkload: service,
    sourceApp: service,
    sourceVersion: unknown,
    sourcePrincipal: peer?.spiffeId ?? unknown,
    destinationWorkload: deploymentOf(snapshot.workload),
    destinationService: snapshot.service,
    destinationVersion: snapshot.serviceVersion === '' ? unknown : snapshot.serviceVersion,
    destinationPrincipal: serviceId(snapshot.trustDomain, snapshot.service),
    security: peer === null ? 'none' : 'mutual_tls',
  };
}

/** `reviews-v1` of `reviews-v1-2`: Istio's workload labels name the deployment, not the replica. */
function deploymentOf(workload: string): string {
  return workload.replace(/-\d+$/, '');
}
