import type { Clock } from '../async/clock.ts';
import type { Cluster } from '../snapshot/snapshot.ts';
import type { ClusterRuntime } from './cluster/cluster-runtime.ts';
import { OriginalDestinations } from './cluster/original-destinations.ts';
import type { Downstream, TcpUpstream } from './data-plane.ts';
import { beginsTls } from './listener/first-bytes.ts';
import { readServerName } from './listener/peek.ts';
import { sniff } from './listener/sniff.ts';
import type { EgressTables } from './route/egress-tables.ts';
import type { Split } from './route/split.ts';

/** What egress needs from the data plane. */
export interface EgressParts {
  readonly clock: Clock;
  readonly makeCluster: (cluster: Cluster) => ClusterRuntime;
  /** A running cluster of the snapshot or the fallback's. */
  readonly cluster: (name: string) => ClusterRuntime | null;
  /** Serves HTTP, with a way to find the destination's own cluster. */
  readonly serve: (downstream: Downstream, original: (cluster: ClusterRuntime) => ClusterRuntime) => void;
  readonly upstream: (downstream: Downstream, cluster: ClusterRuntime | null) => TcpUpstream;
  readonly tcp: (downstream: Downstream, upstream: TcpUpstream) => void;
  readonly split: (split: Split) => ClusterRuntime | null;
}

/** CONNECT, or a target with scheme and host: what a client says to a forward proxy only (RFC 9112 sections 3.2.2 and 3.2.3). */
function speaksToProxy(bytes: Buffer): boolean {
  return /^(CONNECT |[A-Z-]{1,23} https?:\/\/)/i.test(bytes.toString('latin1', 0, 32));
}

/** Connections of the app to addresses that the mesh does not know. */
export class Egress {
  readonly #parts: EgressParts;
  readonly #originals: OriginalDestinations;

  constructor(parts: EgressParts) {
    this.#parts = parts;
    this.#originals = new OriginalDestinations(parts.makeCluster);
  }

  /** Told apart by its first bytes: HTTP by Host, TLS by its server name where names are known for the port, all else by the policy alone. */
  accept(downstream: Downstream, tables: EgressTables): void {
    const { clock, cluster, serve, upstream, tcp } = this.#parts;
    const { localAddress, localPort } = downstream;
    const original = (found: ClusterRuntime): ClusterRuntime =>
      found.cluster.resolution === 'original' ? this.#originals.of(found.cluster, localAddress, localPort) : found;
    const towards = (d: Downstream, found: ClusterRuntime | null): TcpUpstream =>
      upstream(d, found === null ? null : original(found));
    const others = (): ClusterRuntime | null => cluster(tables.fallback.name);
    const dial = (): TcpUpstream | null => (tables.allowed ? towards(downstream, others()) : null);
    sniff(downstream, clock, dial, {
      // A forward proxy is to get the request as it is; where it leads is not ours to judge by Host.
      http: d => (speaksToProxy(d.initial) ? tcp(d, towards(d, others())) : serve(d, original)),
      tcp: (d, early) => {
        const names = beginsTls(d.initial) ? tables.names(localPort) : null;
        if (names === null) {
          tcp(d, early ?? towards(d, others()));
          return;
        }
        readServerName(d, clock, (told, serverName) => {
          const split = names.find(serverName);
          // Dialled already: it is the same server, whatever it is called.
          tcp(told, early ?? towards(told, split === null ? others() : this.#parts.split(split)));
        });
      },
    });
  }

  close(): void {
    this.#originals.close();
  }
}
