/** Who runs where, so that the servers' sidecars name their callers in metrics. */
import { identityOf } from '../../config/identity-of.ts';
import type { MeshConfig } from '../../config/mesh-config.ts';
import type { Peer, Snapshot } from '../../snapshot/snapshot.ts';
import type { RegisteredWorkload } from '../registry.ts';

/** All pods that have an address, sorted by name; also those that do not serve (yet): they may call all the same. */
export function compilePeers(config: MeshConfig, workloads: readonly RegisteredWorkload[]): readonly Peer[] {
  return workloads
    .flatMap(({ name, service, version, address }) =>
      address === null ? [] : [{ address, workload: name, service, version, identity: identityOf(config, service) }],
    )
    .sort((a, b) => (a.workload < b.workload ? -1 : 1));
}

/** Who may read the metrics of a service's sidecars, and whether the service itself reads those of others. */
export function scrapersOf(
  { metrics }: MeshConfig,
  service: string,
  workloads: readonly RegisteredWorkload[],
): Pick<Snapshot, 'scrapers' | 'scrapes'> {
  if (metrics === undefined) return {};
  const scrapers = workloads.flatMap(({ service: of, address }) =>
    address !== null && metrics.scrapers.includes(of) ? [address] : [],
  );
  return {
    ...(scrapers.length === 0 ? {} : { scrapers: scrapers.sort() }),
    ...(metrics.scrapers.includes(service) ? { scrapes: true } : {}),
  };
}
