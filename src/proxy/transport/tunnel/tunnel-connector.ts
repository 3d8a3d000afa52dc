import type { Deadlines } from '../../../async/deadline.ts';
import type { Cluster, Endpoint } from '../../../snapshot/snapshot.ts';
import type { ConnectFailure, Connector } from '../../data-plane.ts';
import type { ByteStream } from '../byte-stream.ts';
import { Hop } from './hop.ts';

/** Opens connections of their own and tells what the peer chose of what was offered. */
export interface Dialer extends Connector {
  /** As `connect`; `offer`: what the peer may choose by ALPN, and `chosen` whether it did. */
  dial(
    cluster: Cluster,
    endpoint: Endpoint,
    resettable: boolean,
    offer: string | null,
    onConnected: (stream: ByteStream, chosen: boolean) => void,
    onFailed: (failure: ConnectFailure, detail: string) => void,
  ): () => void;
}

/** How tunnels are used. */
export interface TunnelOptions {
  /** A further connection is opened when this many streams are on each. Fewer share a loss, more share a write. @default 256 */
  readonly streamsPerConnection?: number;
  /** @default 10 s: a peer that vanished is found after 20 to 30 s */
  readonly pingMs?: number;
  /** A connection without streams ends after this time. @default 60 s */
  readonly idleMs?: number;
}

/**
 * Connections to sidecars as streams of few mTLS connections. A peer that does not choose the protocol gets a connection per stream, as does everything that is
 * not mTLS.
 */
export class TunnelConnector implements Connector {
  readonly #dialer: Dialer;
  readonly #deadlines: Deadlines;
  readonly #options: Required<TunnelOptions>;
  readonly #hops = new Map<string, Hop>();

  constructor(dialer: Dialer, deadlines: Deadlines, options: TunnelOptions = {}) {
    this.#dialer = dialer;
    this.#deadlines = deadlines;
    this.#options = { streamsPerConnection: 256, pingMs: 10_000, idleMs: 60_000, ...options };
  }

  connect(
    cluster: Cluster,
    endpoint: Endpoint,
    onConnected: (stream: ByteStream) => void,
    onFailed: (failure: ConnectFailure, detail: string) => void,
    resettable = false,
  ): () => void {
    if (endpoint.tls !== 'mtls') return this.#dialer.connect(cluster, endpoint, onConnected, onFailed, resettable);
    // The peer's name was checked against these identities once: whoever expects others needs a connection of its own.
    const key = `${endpoint.workload} ${endpoint.address}:${endpoint.port} ${cluster.identities.join(' ')}`;
    let hop = this.#hops.get(key);
    if (hop === undefined) {
      hop = new Hop({
        dialer: this.#dialer,
        streamsPerConnection: this.#options.streamsPerConnection,
        pings: this.#deadlines.of(this.#options.pingMs),
        idle: this.#deadlines.of(this.#options.idleMs),
        unused: unused => {
          if (this.#hops.get(key) === unused) this.#hops.delete(key);
        },
      });
      this.#hops.set(key, hop);
    }
    return hop.connect({ cluster, endpoint, resettable, onConnected, onFailed });
  }

  /** New streams ride new connections from now on (another certificate, other trust); the ones there are end with their last stream. */
  renew(): void {
    const hops = [...this.#hops.values()];
    this.#hops.clear();
    for (const hop of hops) hop.retire();
  }

  /** Ends every connection; their streams break. */
  destroy(): void {
    const hops = [...this.#hops.values()];
    this.#hops.clear();
    for (const hop of hops) hop.destroy();
  }
}
