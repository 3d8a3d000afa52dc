import { accountOf } from '../identity/spiffe-id.ts';
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
    sourceNamespace: namespaceOf(snapshot.identity),
    sourceApp: snapshot.service,
    sourceVersion: snapshot.serviceVersion === '' ? unknown : snapshot.serviceVersion,
    sourcePrincipal: snapshot.identity,
    destinationWorkload: endpoint === null ? unknown : deploymentOf(endpoint.workload),
    destinationNamespace: namespaceOf(cluster?.identities[0]),
    destinationService: cluster?.service ?? unknown,
    destinationVersion: version,
    destinationPrincipal: cluster?.identities[0] ?? unknown,
    security: 'unknown',
  };
}

/** The edge that this sidecar counts as the server. */
export function destinationEdge(snapshot: Snapshot, peer: PeerIdentity | null): Edge {
  // All that a certificate says of who calls; services that share an account are one here.
  const account = peer === null ? unknown : (peer.spiffeId.split('/').at(-1) ?? unknown);
  return {
    reporter: 'destination',
    sourceWorkload: account,
    sourceNamespace: namespaceOf(peer?.spiffeId),
    sourceApp: account,
    sourceVersion: unknown,
    sourcePrincipal: peer?.spiffeId ?? unknown,
    destinationWorkload: deploymentOf(snapshot.workload),
    destinationNamespace: namespaceOf(snapshot.identity),
    destinationService: snapshot.service,
    destinationVersion: snapshot.serviceVersion === '' ? unknown : snapshot.serviceVersion,
    destinationPrincipal: snapshot.identity,
    security: peer === null ? 'none' : 'mutual_tls',
  };
}

function namespaceOf(spiffeId: string | undefined): string {
  return accountOf(spiffeId ?? '')?.namespace ?? unknown;
}

/** `reviews-v1` of `reviews-v1-2`: Istio's workload labels name the deployment, not the replica. */
function deploymentOf(workload: string): string {
  return workload.replace(/-\d+$/, '');
}
