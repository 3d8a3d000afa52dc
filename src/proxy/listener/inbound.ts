import type { Socket } from 'node:net';
import type { InboundListener, MtlsMode, Snapshot } from '../../snapshot/snapshot.ts';
import type { Downstream, TcpUpstream } from '../data-plane.ts';
import type { Destination } from '../interception/original-destination.ts';
import type { Overload } from '../overload.ts';
import type { RefusalReason } from '../sidecar-stats.ts';
import type { EarlyUpstream } from '../tcp/early-upstream.ts';
import type { TcpSessions } from '../tcp/tcp-proxy.ts';
import type { TlsAcceptor } from '../tls/acceptor.ts';
import { readClientHello } from '../tls/client-hello.ts';
import { isMeshHello } from '../tls/mesh-protocols.ts';
import type { ByteStream } from '../transport/byte-stream.ts';
import { SocketStream } from '../transport/socket-stream.ts';
import { tunnelProtocol } from '../transport/tunnel/frame.ts';
import type { TunnelAcceptor } from '../transport/tunnel/tunnel-acceptor.ts';
import { downstreamOf, nothingRead, plainDownstream } from './downstream.ts';
import { beginsTls, firstBytes } from './first-bytes.ts';
import type { ListenerDeps } from './outbound.ts';
import { passthroughUpstream } from './passthrough.ts';
import { tell } from './tell.ts';

/** A client that connects and sends nothing holds a descriptor; a sidecar's hello follows its connect at once. */
const firstByteMs = 10_000;

/** Raw connections that the rules would not let in any more end so long after these: what is short may finish, also when a mode changes under load. */
const endRefusedMs = 5000;

/** What an inbound listener works with. */
export interface InboundDeps extends ListenerDeps {
  readonly overload: Overload;
  /** Ends open raw connections. */
  readonly closeRefused: TcpSessions['closeRefused'];
}

/** Connections from peers, intercepted on 15006. */
export class InboundAcceptor {
  readonly #deps: InboundDeps;
  readonly #tls: TlsAcceptor;
  readonly #tunnels: TunnelAcceptor;
  readonly #hostAddress: string | null;
  /** `null` before the first snapshot. */
  #listeners: ReadonlyMap<number, InboundListener> | null = null;
  #otherPorts: MtlsMode = 'strict';
  #cancelEnd = (): void => {};

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
    this.#otherPorts = snapshot.mtls ?? 'strict';
    this.#cancelEnd();
    this.#cancelEnd = this.#deps.clock.after(endRefusedMs, () => this.#deps.closeRefused(open => this.#refuses(open)));
  }

  /** Whether plaintext is no longer taken where this connection came in as such. */
  #refuses({ admitted, localPort }: Downstream): boolean {
    return admitted === 'plaintext' && (this.#listeners?.get(localPort)?.mtls ?? this.#otherPorts) === 'strict';
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
    else {
      // Whoever publishes a port wants it to answer on the host as it does without a mesh. Other pods still need mTLS.
      const admitted = listener.published && this.#isHost(socket) ? 'host' : 'plaintext';
      if (listener.mtls === 'disabled')
        this.#deps.dataPlane.inbound({ ...plainDownstream(socket, nothingRead, destination), admitted });
      else if (listener.mtls === 'permissive' || admitted === 'host') this.#tellApart(socket, listener, destination, admitted);
      else this.#requireTls(socket, destination);
    }
  }

  /** Ports that the mesh does not know: closed where the pod asks for an identity. */
  #unknownPort(socket: Socket, destination: Destination): void {
    const { refuse, stats, tcpProxy, clock } = this.#deps;
    if (this.#otherPorts === 'strict') {
      refuse(socket, { reason: 'unknown_port', port: destination.port });
      return;
    }
    stats.passthrough('InboundPassthroughCluster');
    const upstream = passthroughUpstream('InboundPassthroughCluster', destination, clock);
    tcpProxy({ ...plainDownstream(socket, nothingRead, destination), admitted: 'plaintext' }, upstream);
  }

  /** Only TLS gets past: nothing of what is no TLS reaches anybody. */
  #requireTls(socket: Socket, destination: Destination): void {
    const { clock, refuse } = this.#deps;
    const { port } = destination;
    firstBytes(socket, clock, firstByteMs, bytes => {
      if (beginsTls(bytes)) {
        socket.unshift(bytes);
        this.#secure(socket, destination);
      } else if (bytes.length > 0) refuse(socket, { reason: 'plaintext', detail: 'mTLS is strict on this port', port });
      else refuse(socket, { reason: 'tls_handshake', detail: 'the client sent nothing', port });
    });
  }

  /** TLS of sidecars is ended here; TLS of others is the app's; the rest is plaintext, of which some servers speak first. */
  #tellApart(
    socket: Socket,
    { protocol, port }: InboundListener,
    destination: Destination,
    admitted: 'plaintext' | 'host',
  ): void {
    const { clock, dataPlane, refuse } = this.#deps;
    // Read by its public methods: TLS takes it over where it turns out to be a sidecar's.
    const stream = new SocketStream(socket, null, true);
    const plain: Downstream = { ...downstreamOf(stream, socket, nothingRead, destination, null), admitted };
    const dial = protocol === 'http' ? undefined : (): TcpUpstream | null => dataPlane.app(plain);
    const told = (speech: Speech | null, to: Downstream, early: EarlyUpstream | null): void => {
      if (speech === 'mesh') {
        early?.drop();
        // What was read goes to the TLS alone.
        socket.removeAllListeners('data');
        socket.unshift(to.initial);
        this.#secure(socket, destination);
      } else if (this.#refuses(to)) {
        early?.drop();
        refuse(socket, { reason: 'plaintext', detail: 'mTLS is strict on this port by now', port });
      } else dataPlane.inbound(speech === 'tls' ? { ...to, opaque: true } : to, early);
    };
    tell(plain, clock, speechOf, told, dial);
  }

  #isHost(socket: Socket): boolean {
    return this.#hostAddress !== null && socket.remoteAddress?.replace(/^::ffff:/, '') === this.#hostAddress;
  }

  #secure(socket: Socket, destination: Destination): void {
    const { dataPlane, refuse, overload } = this.#deps;
    if (!overload.admitsHandshake()) {
      refuse(socket, { reason: 'overload', port: destination.port });
      return;
    }
    this.#tls.accept(
      socket,
      (stream, peer, protocol, serverName) => {
        // Each stream of a tunnel is judged and served as a connection of its own.
        const serve = (to: ByteStream): void =>
          dataPlane.inbound({ ...downstreamOf(to, socket, nothingRead, destination, peer), serverName, admitted: 'mtls' });
        if (protocol === tunnelProtocol) this.#tunnels.accept(stream, serve);
        else serve(stream);
      },
      detail => refuse(socket, { reason: reasonOf(detail), detail, port: destination.port }),
    );
  }
}

/** What a client of a port that takes everything speaks. */
type Speech = 'mesh' | 'tls' | 'plain';

/** `null`: too little was read to say. What begins like TLS and is none is what the port speaks, and judged as that. */
function speechOf(seen: Buffer): Speech | null {
  if (seen.length === 0) return null;
  if (!beginsTls(seen)) return 'plain';
  const hello = readClientHello(seen);
  if (hello.kind === 'more') return null;
  if (hello.kind === 'invalid') return 'plain';
  return isMeshHello(hello) ? 'mesh' : 'tls';
}

function reasonOf(detail: string): RefusalReason {
  if (detail === 'svid_missing' || detail === 'svid_expired' || detail === 'plaintext') return detail;
  return detail.startsWith('tls handshake') ? 'tls_handshake' : 'peer_identity';
}
