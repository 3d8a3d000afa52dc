/** Who runs where, so that the servers' sidecars name their callers in metrics. */
import { identityOf } from '../../config/identity-of.ts';
import type { MeshConfig } from '../../config/mesh-config.ts';
import type { Peer } from '../../snapshot/snapshot.ts';
import type { RegisteredWorkload } from '../registry.ts';

/** All pods that have an address, sorted by name; also those that do not serve (yet): they may call all the same. */
export function compilePeers(config: MeshConfig, workloads: readonly RegisteredWorkload[]): readonly Peer[] {
  return workloads
    .flatMap(({ name, service, version, address }) =>
      address === null ? [] : [{ address, workload: name, service, version, identity: identityOf(config, service) }],
    )
    .sort((a, b) => (a.workload < b.workload ? -1 : 1));
}

/** Addresses of the pods that may read everybody's metrics, sorted. */
export function scraperAddresses({ metrics }: MeshConfig, workloads: readonly RegisteredWorkload[]): readonly string[] {
  if (metrics === undefined) return [];
  return workloads
    .flatMap(({ service, address }) => (address !== null && metrics.scrapers.includes(service) ? [address] : []))
    .sort();
}
