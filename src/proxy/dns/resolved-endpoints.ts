import type { Clock } from '../../async/clock.ts';
import { ports, virtualNetwork } from '../../snapshot/ports.ts';
import type { Cluster, Snapshot } from '../../snapshot/snapshot.ts';
import type { Log } from '../../telemetry/log.ts';
import type { DnsForwarder } from './forward.ts';
import { HostResolver } from './host-resolver.ts';

/** A snapshot waits this long for names that it is the first to have. Longer would look like a sidecar that does not answer. */
const warmMs = 1_000;

const ownPorts: ReadonlySet<number> = new Set(Object.values(ports));

/** Snapshots whose endpoints are host names, with addresses in their place. */
export class ResolvedEndpoints {
  readonly #resolver: HostResolver;
  #current: Snapshot | null = null;

  /** `apply` is called with the snapshot in use whenever addresses have changed. */
  constructor(forwarder: DnsForwarder, clock: Clock, log: Log, apply: (snapshot: Snapshot) => void) {
    this.#resolver = new HostResolver(forwarder, clock, log, () => {
      if (this.#current === null) return;
      try {
        apply(this.fill(this.#current));
      } catch (error) {
        log.error('new addresses cannot be used', { error });
      }
    });
  }

  /** Asks for the names of a snapshot that is to be used. */
  async prepare(snapshot: Snapshot): Promise<void> {
    await this.#resolver.warm(hostsOf(snapshot), warmMs);
  }

  /** The snapshot with the addresses of this moment; a name without any gives no endpoint. */
  fill(snapshot: Snapshot): Snapshot {
    if (hostsOf(snapshot).size === 0) return snapshot;
    return { ...snapshot, clusters: snapshot.clusters.map(cluster => this.#fillCluster(cluster)) };
  }

  /** The snapshot is in use from now on. */
  use(snapshot: Snapshot): void {
    this.#current = snapshot;
    this.#resolver.keep(hostsOf(snapshot));
  }

  close(): void {
    this.#current = null;
    this.#resolver.close();
  }

  #fillCluster(cluster: Cluster): Cluster {
    if (cluster.resolution !== 'dns') return cluster;
    const endpoints = cluster.endpoints.flatMap(endpoint =>
      this.#resolver
        .addresses(endpoint.address)
        .filter(address => !isOwn(address, endpoint.port))
        .map(address => ({ ...endpoint, address })),
    );
    return { ...cluster, endpoints };
  }
}

/**
 * Whether a name that somebody else answers for leads to the mesh itself: to ports of this sidecar that only loopback may reach (behind a gateway: to strangers),
 * or to virtual addresses, which are nowhere.
 */
function isOwn(address: string, port: number): boolean {
  return address.startsWith(`${virtualNetwork}.`) || (/^(127|0)\./.test(address) && ownPorts.has(port));
}

function hostsOf({ clusters }: Snapshot): Set<string> {
  return new Set(
    clusters.flatMap(({ resolution, endpoints }) => (resolution === 'dns' ? endpoints.map(endpoint => endpoint.address) : [])),
  );
}
