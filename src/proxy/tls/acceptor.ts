import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Clock } from '../../async/clock.ts';
import { readLeaf, SvidError } from '../../identity/leaf-certificate.ts';
import type { PeerIdentity } from '../data-plane.ts';
import { carriedBy } from '../transport/reset.ts';
import { SocketStream } from '../transport/socket-stream.ts';
import type { WorkloadIdentity } from './workload-identity.ts';

/** Peers that do not finish the handshake in this time hold a descriptor for nothing (Envoy's transport_socket_connect_timeout exists for the same). */
const handshakeTimeoutMs = 10_000;

interface Waiting {
  /** `protocol`: what both sides chose by ALPN. */
  readonly accepted: (stream: SocketStream, peer: PeerIdentity, protocol: string | null) => void;
  readonly refused: (reason: string) => void;
}

/** Ends TLS on connections that others accepted: TLS 1.3 only, client certificate required, peer of the own trust domain. */
export class TlsAcceptor {
  readonly #server: Server;
  readonly #identity: WorkloadIdentity;
  readonly #clock: Clock;
  readonly #waiting = new WeakMap<Socket, Waiting>();

  /** `protocols`: names that peers may choose by ALPN. */
  constructor(identity: WorkloadIdentity, clock: Clock, protocols: readonly string[] = []) {
    this.#identity = identity;
    this.#clock = clock;
    // Never listens: connections are handed to it. `rejectUnauthorized` is off because Node then closes without a word; #judge refuses by name.
    this.#server = createServer({
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: handshakeTimeoutMs,
      minVersion: 'TLSv1.3',
      allowHalfOpen: true,
      // What else peers offer is told apart by its first bytes; a name that is not chosen would end the handshake.
      ALPNCallback: ({ protocols: offered }) => offered.find(name => protocols.includes(name)) ?? offered[0],
    });
    identity.onReplaced(options => this.#server.setSecureContext(options));
    this.#server.on('secureConnection', socket => this.#judge(socket));
    this.#server.on('tlsClientError', (error, socket) => this.#fail(socket, handshakeReason(error)));
  }

  /** Calls one of the two, once. A refused connection is closed already. */
  accept(transport: Socket, accepted: Waiting['accepted'], refused: Waiting['refused']): void {
    const { gap } = this.#identity;
    if (gap !== null) {
      transport.destroy();
      refused(gap);
      return;
    }
    this.#waiting.set(transport, { accepted, refused });
    // The TLS socket takes the handle over and reports errors itself; without a listener an early reset would be uncaught.
    transport.on('error', () => {});
    this.#server.emit('connection', transport);
  }

  #take(socket: TLSSocket): { readonly waiting: Waiting; readonly transport: Socket } | null {
    const transport: unknown = Reflect.get(socket, '_parent');
    const waiting = this.#waiting.get(transport as Socket);
    if (waiting === undefined) return null;
    this.#waiting.delete(transport as Socket);
    return { waiting, transport: transport as Socket };
  }

  #fail(socket: TLSSocket, reason: string): void {
    const taken = this.#take(socket);
    socket.destroy();
    taken?.transport.destroy();
    taken?.waiting.refused(reason);
  }

  #judge(socket: TLSSocket): void {
    let peer: PeerIdentity;
    try {
      peer = this.#peerOf(socket);
    } catch (error) {
      this.#fail(socket, error instanceof SvidError ? error.message : 'peer certificate cannot be read');
      return;
    }
    const taken = this.#take(socket);
    if (taken === null) {
      socket.destroy();
      return;
    }
    carriedBy(socket, taken.transport);
    taken.waiting.accepted(new SocketStream(socket), peer, socket.alpnProtocol || null);
  }

  #peerOf(socket: TLSSocket): PeerIdentity {
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) throw new SvidError('no client certificate');
    if (!socket.authorized) throw new SvidError(`client certificate: ${String(socket.authorizationError)}`);
    const leaf = readLeaf(certificate.raw);
    const ours = this.#identity.svid?.trustDomain;
    if (leaf.trustDomain !== ours) throw new SvidError(`client of trust domain ${leaf.trustDomain}, expected ${ours}`);
    // A resumed session was verified when it began; it must not outlive the certificate.
    if (this.#clock.now() >= leaf.expiresAtMs) throw new SvidError('client certificate: CERT_HAS_EXPIRED');
    return { spiffeId: leaf.spiffeId, certificateHash: leaf.certificateHash };
  }
}

/** OpenSSL's codes for bytes that are no TLS at all. */
const plaintextCodes = new Set([
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_HTTPS_PROXY_REQUEST',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
]);

function handshakeReason(error: NodeJS.ErrnoException): string {
  if (error.code === undefined) return 'tls handshake failed';
  if (plaintextCodes.has(error.code)) return 'plaintext';
  return `tls handshake: ${error.code}`;
}
