import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../async/clock.ts';
import { readLeaf, SvidError } from '../../identity/leaf-certificate.ts';
import { validityProblem } from '../../identity/svid.ts';
import type { PeerIdentity } from '../data-plane.ts';
import { SocketStream } from '../transport/socket-stream.ts';
import { Handshakes } from './handshakes.ts';
import { VouchedConnections } from './vouched-connections.ts';
import type { WorkloadIdentity } from './workload-identity.ts';

/** Ends TLS on connections that others accepted: TLS 1.3 only, client certificate required, peer of the own trust domain. */
export class TlsAcceptor {
  readonly #handshakes: Handshakes;
  readonly #identity: WorkloadIdentity;
  readonly #clock: Clock;
  readonly #vouched: VouchedConnections;
  #onForsaken: (peer: PeerIdentity) => void = () => {};

  /** `protocols`: names that peers may choose by ALPN. */
  constructor(identity: WorkloadIdentity, clock: Clock, protocols: readonly string[] = []) {
    this.#identity = identity;
    this.#clock = clock;
    this.#handshakes = new Handshakes({
      requestCert: true,
      // Node would close without a word; #peerOf refuses by name.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
      // What else peers offer is told apart by its first bytes; a name that is not chosen would end the handshake.
      ...(protocols.length === 0
        ? {}
        : {
            ALPNCallback: ({ protocols: offered }: { protocols: string[] }) =>
              offered.find(name => protocols.includes(name)) ?? offered[0],
          }),
    });
    identity.onReplaced(options => this.#handshakes.setSecureContext(options));
    this.#vouched = new VouchedConnections(identity, clock);
  }

  /** `listener` hears of connections (each has a peer object of its own) that are to end because the root of one side is trusted no more. */
  onForsaken(listener: (peer: PeerIdentity) => void): void {
    this.#onForsaken = listener;
  }

  /** The own SVID has expired: connections from before take no more requests than there are. */
  expired(): void {
    this.#vouched.forsakeAll();
  }

  /** Calls one of the two, once. A refused connection is closed already. `protocol`: what both sides chose by ALPN; `serverName`: SNI, empty for none. */
  accept(
    transport: Socket,
    accepted: (stream: SocketStream, peer: PeerIdentity, protocol: string | null, serverName: string) => void,
    refused: (reason: string) => void,
  ): void {
    const { gap } = this.#identity;
    if (gap !== null) {
      transport.destroy();
      refused(gap);
      return;
    }
    const judge = (socket: TLSSocket): void => {
      let peer: PeerIdentity;
      let root: string;
      try {
        [peer, root] = this.#peerOf(socket);
      } catch (error) {
        socket.destroy();
        transport.destroy();
        refused(error instanceof SvidError ? error.message : 'peer certificate cannot be read');
        return;
      }
      this.#vouched.add(socket, [root, this.#identity.svid?.root ?? root], () => this.#onForsaken(peer));
      const { servername } = socket as { readonly servername?: string | false };
      accepted(new SocketStream(socket), peer, socket.alpnProtocol || null, servername || '');
    };
    this.#handshakes.begin(transport, judge, refused);
  }

  /** With the root that its certificate comes from. */
  #peerOf(socket: TLSSocket): [peer: PeerIdentity, root: string] {
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) throw new SvidError('no client certificate');
    const leaf = readLeaf(certificate.raw);
    const invalid = validityProblem(leaf, this.#clock.now());
    if (!socket.authorized)
      throw new SvidError(`client certificate: ${String(socket.authorizationError)}${invalid === null ? '' : `: ${invalid}`}`);
    const { svid } = this.#identity;
    const ours = svid?.trustDomain;
    if (leaf.trustDomain !== ours) throw new SvidError(`client of trust domain ${leaf.trustDomain}, expected ${ours}`);
    // A resumed session was verified when it began; it must outlive neither the certificate nor the trust in its root.
    if (invalid !== null) throw new SvidError(`client certificate ${invalid}`);
    const root = svid?.trust.rootOf(certificate, leaf.certificateHash) ?? null;
    if (root === null) throw new SvidError('client certificate: its root is not trusted');
    return [{ spiffeId: leaf.spiffeId, certificateHash: leaf.certificateHash }, root];
  }
}
