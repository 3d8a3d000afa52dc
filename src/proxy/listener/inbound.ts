import type { Socket } from 'node:net';
import type { InboundListener, Snapshot } from '../../snapshot/snapshot.ts';
import type { Destination } from '../interception/original-destination.ts';
import type { Overload } from '../overload.ts';
import type { RefusalReason } from '../sidecar-stats.ts';
import type { TlsAcceptor } from '../tls/acceptor.ts';
import type { ByteStream } from '../transport/byte-stream.ts';
import { tunnelProtocol } from '../transport/tunnel/frame.ts';
import type { TunnelAcceptor } from '../transport/tunnel/tunnel-acceptor.ts';
import { downstreamOf, nothingRead, plainDownstream } from './downstream.ts';
import { beginsTls, firstBytes } from './first-bytes.ts';
import type { ListenerDeps } from './outbound.ts';
import { passthroughUpstream } from './passthrough.ts';

/** A client that connects and sends nothing holds a descriptor; a sidecar's hello follows its connect at once. */
const firstByteMs = 10_000;
/** On a permissive port that may be server-first, silence for this long means a plaintext client that waits. MySQL clients feel every millisecond. */
const serverFirstMs = 100;

/** What an inbound listener works with. */
export interface InboundDeps extends ListenerDeps {
  readonly overload: Overload;
}

/** Connections from peers, intercepted on 15006. */
export class InboundAcceptor {
  readonly #deps: InboundDeps;
  readonly #tls: TlsAcceptor;
  readonly #tunnels: TunnelAcceptor;
  readonly #hostAddress: string | null;
  /** `null` before the first snapshot. */
  #listeners: ReadonlyMap<number, InboundListener> | null = null;
  #strict = true;

  /** `hostAddress`: whose plaintext published ports admit. */
  constructor(deps: InboundDeps, tls: TlsAcceptor, tunnels: TunnelAcceptor, hostAddress: string | null) {
    this.#deps = deps;
    this.#tls = tls;
    this.#tunnels = tunnels;
    this.#hostAddress = hostAddress;
  }

  /** New connections see `snapshot`. */
  apply(snapshot: Snapshot): void {
    this.#listeners = new Map(snapshot.inbound.map(listener => [listener.port, listener]));
    this.#strict = snapshot.inbound.length === 0 || snapshot.inbound.some(listener => listener.mtls === 'strict');
  }

  /** Takes a connection as it was accepted: nothing read. */
  accept(socket: Socket): void {
    const { originalDestination, refuse, descriptors } = this.#deps;
    if (descriptors.spentBy(socket)) {
      refuse(socket, { reason: 'descriptors' });
      return;
    }
    const destination = originalDestination(socket);
    const listener = destination === null ? undefined : this.#listeners?.get(destination.port);
    if (destination === null) refuse(socket, { reason: 'direct_call' });
    else if (this.#listeners === null) refuse(socket, { reason: 'no_config', port: destination.port });
    else if (listener === undefined) this.#unknownPort(socket, destination);
    else if (listener.mtls === 'disabled') this.#plain(socket, nothingRead, destination);
    else this.#peek(socket, listener, destination);
  }

  /** Ports that the mesh does not know: open only in a pod where no port asks for an identity. */
  #unknownPort(socket: Socket, destination: Destination): void {
    const { refuse, stats, tcpProxy, clock } = this.#deps;
    if (this.#strict) {
      refuse(socket, { reason: 'unknown_port', port: destination.port });
      return;
    }
    stats.passthrough('InboundPassthroughCluster');
    const upstream = passthroughUpstream('InboundPassthroughCluster', destination, clock);
    tcpProxy(plainDownstream(socket, nothingRead, destination), upstream);
  }

  #peek(socket: Socket, { mtls, protocol, port, published }: InboundListener, destination: Destination): void {
    const { clock, refuse } = this.#deps;
    // Whoever publishes a port wants it to answer on the host as it does without a mesh. Other pods still need mTLS.
    const plaintextAllowed = mtls === 'permissive' || (published && this.#isHost(socket));
    const waitMs = plaintextAllowed && protocol !== 'http' ? serverFirstMs : firstByteMs;
    firstBytes(socket, clock, waitMs, bytes => {
      if (beginsTls(bytes)) {
        socket.unshift(bytes);
        this.#secure(socket, destination);
      } else if (plaintextAllowed) this.#plain(socket, bytes, destination);
      else if (bytes.length > 0) refuse(socket, { reason: 'plaintext', detail: 'mTLS is strict on this port', port });
      else refuse(socket, { reason: 'tls_handshake', detail: 'the client sent nothing', port });
    });
  }

  #isHost(socket: Socket): boolean {
    return this.#hostAddress !== null && socket.remoteAddress?.replace(/^::ffff:/, '') === this.#hostAddress;
  }

  #plain(socket: Socket, bytes: Buffer, destination: Destination): void {
    this.#deps.dataPlane.inbound(plainDownstream(socket, bytes, destination));
  }

  #secure(socket: Socket, destination: Destination): void {
    const { dataPlane, refuse, overload } = this.#deps;
    if (!overload.admitsHandshake()) {
      refuse(socket, { reason: 'overload', port: destination.port });
      return;
    }
    this.#tls.accept(
      socket,
      (stream, peer, protocol) => {
        // Each stream of a tunnel is judged and served as a connection of its own.
        const serve = (to: ByteStream): void => dataPlane.inbound(downstreamOf(to, socket, nothingRead, destination, peer));
        if (protocol === tunnelProtocol) this.#tunnels.accept(stream, serve);
        else serve(stream);
      },
      detail => refuse(socket, { reason: reasonOf(detail), detail, port: destination.port }),
    );
  }
}

function reasonOf(detail: string): RefusalReason {
  if (detail === 'svid_missing' || detail === 'svid_expired' || detail === 'plaintext') return detail;
  return detail.startsWith('tls handshake') ? 'tls_handshake' : 'peer_identity';
}
