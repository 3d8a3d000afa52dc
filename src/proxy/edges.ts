import { accountOf } from '../identity/spiffe-id.ts';
import type { Cluster, Endpoint, Peer, Snapshot } from '../snapshot/snapshot.ts';
import type { Edge } from '../telemetry/mesh-metrics.ts';
import type { Downstream } from './data-plane.ts';

const unknown = 'unknown';

/** The service that is called; of a port whose cluster is still to be chosen, that alone. */
export type Called = Pick<Cluster, 'service' | 'subset' | 'identities'>;

/** What is known of the pod that is called before a rule has said where a request goes. `identities`: none but that of the service. */
export function calledService(service: string): Called {
  return { service, subset: '', identities: [] };
}

/** The edge that this sidecar counts as the caller. `endpoint` is `null` where none was picked. */
export function sourceEdge(snapshot: Snapshot, cluster: Called | null, endpoint: Endpoint | null): Edge {
  const principal = cluster?.identities[0];
  return {
    reporter: 'source',
    sourceWorkload: deploymentOf(snapshot.workload),
    sourceNamespace: namespaceOf(snapshot.identity),
    sourceApp: snapshot.service,
    sourceVersion: orUnknown(snapshot.serviceVersion),
    sourcePrincipal: snapshot.identity,
    sourceCluster: orUnknown(snapshot.mesh),
    // As in Istio: what has no identity has no sidecar, and is no workload.
    destinationWorkload: endpoint === null || principal === undefined ? unknown : deploymentOf(endpoint.workload),
    destinationNamespace: namespaceOf(principal),
    destinationService: cluster?.service ?? unknown,
    destinationVersion: orUnknown(endpoint?.version ?? cluster?.subset),
    destinationPrincipal: principal ?? unknown,
    // Only what has an identity is in the mesh.
    destinationCluster: orUnknown(principal === undefined ? '' : snapshot.mesh),
    security: 'unknown',
  };
}

/** The edge that this sidecar counts as the server. `peers`: pods by address. */
export function destinationEdge(
  snapshot: Snapshot,
  peers: ReadonlyMap<string, Peer>,
  { peer, remoteAddress }: Pick<Downstream, 'peer' | 'remoteAddress'>,
): Edge {
  const at = peers.get(remoteAddress);
  // An address alone proves nothing, and an account may have several services: what both say is so.
  const caller = at !== undefined && at.identity === peer?.spiffeId ? at : null;
  const account = peer?.spiffeId.split('/').at(-1) ?? unknown;
  return {
    reporter: 'destination',
    sourceWorkload: caller === null ? account : deploymentOf(caller.workload),
    sourceNamespace: namespaceOf(peer?.spiffeId),
    sourceApp: caller?.service ?? account,
    sourceVersion: orUnknown(caller?.version),
    sourcePrincipal: peer?.spiffeId ?? unknown,
    sourceCluster: orUnknown(accountOf(peer?.spiffeId ?? '') === null ? '' : snapshot.mesh),
    destinationWorkload: deploymentOf(snapshot.workload),
    destinationNamespace: namespaceOf(snapshot.identity),
    destinationService: snapshot.service,
    destinationVersion: orUnknown(snapshot.serviceVersion),
    destinationPrincipal: snapshot.identity,
    destinationCluster: orUnknown(snapshot.mesh),
    security: peer === null ? 'none' : 'mutual_tls',
  };
}

/** A name of an edge; the empty string where nobody knows it. */
export function knownName(name: string): string {
  return name === unknown ? '' : name;
}

function orUnknown(text: string | undefined): string {
  return text === undefined || text === '' ? unknown : text;
}

function namespaceOf(spiffeId: string | undefined): string {
  return accountOf(spiffeId ?? '')?.namespace ?? unknown;
}

/** `reviews-v1` of `reviews-v1-2`: Istio's workload labels name the deployment, not the replica. */
function deploymentOf(workload: string): string {
  return workload.replace(/-\d+$/, '');
}
