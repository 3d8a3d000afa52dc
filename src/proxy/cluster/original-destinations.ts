import type { Cluster } from '../../snapshot/snapshot.ts';
import type { ClusterRuntime } from './cluster-runtime.ts';

/** Servers outside the mesh that were called lately; each holds idle connections and counters. */
const maxKept = 256;

/** Clusters whose only endpoint is where a client was going: made as they are called for, the longest unused forgotten. */
export class OriginalDestinations {
  readonly #make: (cluster: Cluster) => ClusterRuntime;
  readonly #kept = new Map<string, ClusterRuntime>();

  constructor(make: (cluster: Cluster) => ClusterRuntime) {
    this.#make = make;
  }

  /** `cluster` with that one endpoint. */
  of(cluster: Cluster, address: string, port: number): ClusterRuntime {
    const key = `${address}:${port} ${JSON.stringify(cluster)}`;
    const found =
      this.#kept.get(key) ?? this.#make({ ...cluster, endpoints: [{ workload: cluster.service, address, port, tls: 'plain' }] });
    this.#kept.delete(key);
    this.#kept.set(key, found);
    if (this.#kept.size > maxKept) {
      const [oldest] = this.#kept;
      if (oldest !== undefined) {
        this.#kept.delete(oldest[0]);
        oldest[1].close();
      }
    }
    return found;
  }

  close(): void {
    for (const cluster of this.#kept.values()) cluster.close();
    this.#kept.clear();
  }
}
