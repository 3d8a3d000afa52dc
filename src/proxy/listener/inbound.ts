import type { Socket } from 'node:net';
import type { InboundListener, Snapshot } from '../../snapshot/snapshot.ts';
import type { PeerIdentity } from '../data-plane.ts';
import type { Destination } from '../interception/original-destination.ts';
import type { RefusalReason } from '../sidecar-stats.ts';
import { sniff, sniffHttp, sniffTls } from '../sniff.ts';
import { tcpDenial } from '../tcp/tcp-access.ts';
import type { TlsAcceptor } from '../tls/acceptor.ts';
import { downstreamOf, nothingRead, sniffMs } from './downstream.ts';
import type { ListenerDeps } from './outbound.ts';
import { passthroughUpstream } from './passthrough.ts';

/** A client that sends nothing on an HTTP port: the data plane's own head timeout is longer, this only decides about TLS. */
const firstByteMs = 10_000;

/** Connections from peers, intercepted on 15006. */
export class InboundAcceptor {
  readonly #deps: ListenerDeps;
  readonly #tls: TlsAcceptor;
  #listeners: ReadonlyMap<number, InboundListener> | null = null;
  #allStrict = true;

  constructor(deps: ListenerDeps, tls: TlsAcceptor) {
    this.#deps = deps;
    this.#tls = tls;
  }

  /** New connections see `snapshot`. */
  apply(snapshot: Snapshot): void {
    this.#listeners = new Map(snapshot.inbound.map(listener => [listener.port, listener]));
    this.#allStrict = snapshot.inbound.length === 0 || snapshot.inbound.some(listener => listener.mtls === 'strict');
  }

  accept(socket: Socket): void {
    const { originalDestination, refuse } = this.#deps;
    const destination = originalDestination(socket);
    if (destination === null) return refuse(socket, { reason: 'direct_call' });
    const { port } = destination;
    if (this.#listeners === null) return refuse(socket, { reason: 'no_config', port });
    const listener = this.#listeners.get(port);
    if (listener === undefined) return this.#unknownPort(socket, destination);
    if (listener.mtls === 'disabled') return this.#admit(listener, socket, socket, nothingRead, destination, null);
    // A plaintext client of a server-first protocol says nothing first; a sidecar's hello follows its connect at once.
    const mayBeServerFirst = listener.mtls === 'permissive' && listener.protocol !== 'http';
    sniff(socket, nothingRead, sniffTls, this.#deps.clock, mayBeServerFirst ? sniffMs : firstByteMs, (bytes, verdict) => {
      if (verdict === 'tls') {
        socket.unshift(bytes);
        this.#secure(listener, socket, destination);
      } else if (listener.mtls === 'permissive' && (verdict === 'plain' || mayBeServerFirst)) {
        this.#admit(listener, socket, socket, bytes, destination, null);
      } else if (verdict === 'plain') refuse(socket, { reason: 'plaintext', detail: 'mTLS is strict on this port', port });
      else refuse(socket, { reason: 'tls_handshake', detail: 'no bytes from the client', port });
    });
  }

  /** Ports that the mesh does not know: open only where the mesh asks nobody for an identity anyway. */
  #unknownPort(socket: Socket, destination: Destination): void {
    const { refuse, stats, tcpProxy, clock } = this.#deps;
    if (this.#allStrict) return refuse(socket, { reason: 'unknown_port', port: destination.port });
    stats.passthrough('InboundPassthroughCluster');
    const upstream = passthroughUpstream('InboundPassthroughCluster', destination, clock, () => {});
    tcpProxy(downstreamOf(socket, socket, nothingRead, destination, null), upstream);
  }

  #secure(listener: InboundListener, socket: Socket, destination: Destination): void {
    this.#tls.accept(
      socket,
      (secured, peer) => this.#admit(listener, secured, socket, nothingRead, destination, peer),
      detail => this.#deps.refuse(socket, { reason: reasonOf(detail), detail, port: listener.port }),
    );
  }

  #admit(
    listener: InboundListener,
    socket: Socket,
    carrier: Socket,
    initial: Buffer,
    destination: Destination,
    peer: PeerIdentity | null,
  ): void {
    const { dataPlane, clock } = this.#deps;
    const hand = (bytes: Buffer): void => dataPlane.inbound(downstreamOf(socket, carrier, bytes, destination, peer));
    switch (listener.protocol) {
      case 'http':
        return hand(initial);
      case 'tcp':
        return this.#judgeTcp(listener, socket, peer, () => hand(initial));
      case 'auto':
        return sniff(socket, initial, sniffHttp, clock, sniffMs, (bytes, verdict) => {
          if (verdict === 'http') hand(bytes);
          else this.#judgeTcp(listener, socket, peer, () => hand(bytes));
        });
    }
  }

  #judgeTcp(listener: InboundListener, socket: Socket, peer: PeerIdentity | null, allowed: () => void): void {
    const denial = tcpDenial(listener.access, peer);
    if (denial === null) return allowed();
    const detail = `rbac_access_denied_matched_policy[${denial}] ${peer?.spiffeId ?? 'plaintext'}`;
    this.#deps.refuse(socket, { reason: 'rbac_access_denied', detail, port: listener.port });
  }
}

function reasonOf(detail: string): RefusalReason {
  if (detail === 'svid_missing' || detail === 'svid_expired' || detail === 'plaintext') return detail;
  return detail.startsWith('tls handshake') ? 'tls_handshake' : 'peer_identity';
}
