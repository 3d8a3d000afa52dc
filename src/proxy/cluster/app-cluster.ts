/** The app beside the sidecar as a cluster of one. */
import type { Cluster, InboundListener, Snapshot } from '../../snapshot/snapshot.ts';

/** An app on the same machine answers a connect at once or not at all. */
const connectTimeoutMs = 1_000;
/** Idle connections to the app: shorter than the keep-alive of common servers is not possible (Node's is 5 s), so a stale one is retried. */
const idleTimeoutMs = 60_000;

/** Key of the app's cluster for a port, among those of the snapshot. */
export function appKey({ port }: Pick<InboundListener, 'port'>): string {
  return `app ${port}`;
}

/** `address`: where the app listens. */
export function appCluster(snapshot: Snapshot, { port, cluster, appProtocol }: InboundListener, address: string): Cluster {
  return {
    name: cluster,
    service: snapshot.service,
    subset: snapshot.serviceVersion,
    port,
    endpoints: [{ workload: snapshot.workload, address, port, tls: 'plain' }],
    balancer: 'round-robin',
    connectTimeoutMs,
    identities: [],
    idleTimeoutMs,
    ...(appProtocol === undefined ? {} : { protocol: appProtocol }),
  };
}
