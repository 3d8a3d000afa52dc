import type { Socket } from 'node:net';
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import type { Clock } from '../../async/clock.ts';
import { SvidError } from '../../identity/leaf-certificate.ts';
import type { GatewayTls } from '../../snapshot/snapshot.ts';
import { SocketStream } from '../transport/socket-stream.ts';
import { type CertificateStore, contextOptions, type HeldCertificate } from './certificate-store.ts';
import { type EdgeClient, readClient } from './client-certificate.ts';
import { Handshakes } from './handshakes.ts';
import { ServerNames } from './server-names.ts';
import type { WorkloadIdentity } from './workload-identity.ts';

/** The daemon sends a certificate within milliseconds of the snapshot that names it; a browser waits longer than this. */
const certificateMs = 5_000;

/** A connection whose TLS is ended here. */
export interface SecuredConnection {
  readonly stream: SocketStream;
  /** What client and gateway chose: `h2`, `http/1.1`, or `null` where the client offered nothing. */
  readonly alpn: string | null;
  /** Server name (SNI) that the client asked for; empty where it named none. */
  readonly serverName: string;
  /** `null`: it gave no certificate. */
  readonly client: EdgeClient | null;
}

/** What ending TLS needs from the sidecar. */
export interface GatewayTlsDeps {
  readonly certificates: CertificateStore;
  /** The own one: its roots are those of clients where no others are named. */
  readonly identity: WorkloadIdentity;
  readonly clock: Clock;
}

/** Ends TLS at one port of a gateway with the certificate that fits the server name asked for, else with the first one. */
export class GatewayTlsServer {
  readonly #options: GatewayTls;
  readonly #deps: GatewayTlsDeps;
  readonly #handshakes: Handshakes;
  readonly #waiting = new Set<() => void>();
  readonly #forget: () => void;
  #contexts = new ServerNames<SecureContext>([]);
  #first: HeldCertificate | null = null;
  /** Roots of clients, PEM. `null`: they are not asked for certificates. */
  #roots: string | null = null;

  /** `protocols`: what is offered by ALPN, dearest first; empty: nothing. */
  constructor(options: GatewayTls, protocols: readonly string[], deps: GatewayTlsDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#handshakes = new Handshakes({
      ...(options.clients === undefined ? {} : { requestCert: true, rejectUnauthorized: options.clients.mode === 'required' }),
      minVersion: `TLSv${options.minVersion}`,
      SNICallback: (name, done) => done(null, this.#contexts.find(name.toLowerCase()) ?? undefined),
      ...(protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }),
    });
    this.#forget = deps.certificates.onReplaced(() => this.renew());
    this.renew();
  }

  /** Calls one of the two, once. A refused connection is closed already. */
  accept(transport: Socket, accepted: (connection: SecuredConnection) => void, refused: (reason: string) => void): void {
    const begin = (): void => {
      this.#handshakes.begin(
        transport,
        socket => {
          const alpn = typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : null;
          const { servername } = socket as { readonly servername?: string | false };
          let client: EdgeClient | null;
          try {
            client = this.#clientOf(socket);
          } catch (error) {
            socket.destroy();
            transport.destroy();
            refused(error instanceof SvidError ? error.message : 'client certificate: it cannot be read');
            return;
          }
          const serverName = typeof servername === 'string' ? servername : '';
          accepted({ stream: new SocketStream(socket), alpn, serverName, client });
        },
        refused,
      );
    };
    if (this.#first !== null) begin();
    else this.#wait(transport, begin, refused);
  }

  /** Uses new certificates no more. */
  close(): void {
    this.#forget();
  }

  #wait(transport: Socket, begin: () => void, refused: (reason: string) => void): void {
    const settle = (): void => {
      cancel();
      this.#waiting.delete(settle);
      transport.off('close', settle);
      if (this.#first === null) {
        transport.destroy();
        refused('certificate_missing');
      } else if (!transport.destroyed) begin();
    };
    const cancel = this.#deps.clock.after(certificateMs, settle);
    this.#waiting.add(settle);
    transport.on('close', settle);
  }

  /** Who the client is. @throws SvidError where it is not let in */
  #clientOf(socket: TLSSocket): EdgeClient | null {
    const { clients } = this.#options;
    const certificate = clients === undefined ? undefined : socket.getPeerX509Certificate();
    if (clients === undefined || certificate === undefined) {
      if (clients?.mode === 'required') throw new SvidError('client certificate: none was given');
      return null;
    }
    if (!socket.authorized) throw new SvidError(`client certificate: ${String(socket.authorizationError)}`);
    const { identity, clock } = this.#deps;
    const { svid } = identity;
    if (svid === null) throw new SvidError('client certificate: this gateway has no identity yet');
    return readClient(certificate, {
      meshRoots: clients.caPem === '' ? svid.trust : null,
      trustDomain: svid.trustDomain,
      nowMs: clock.now(),
    });
  }

  /** Uses the certificates and roots of this moment from now on. */
  renew(): void {
    const { certificates, minVersion, clients } = this.#options;
    const { identity, certificates: store } = this.#deps;
    const held = certificates.flatMap(name => store.get(name) ?? []);
    const [first] = held;
    // Without roots of its own OpenSSL would trust the public ones.
    const roots = clients === undefined ? null : clients.caPem || (identity.svid?.trust.pem ?? '');
    if (first === undefined || roots === '') return;
    const contexts = held.map(one => ({ one, context: createSecureContext(contextOptions(one, minVersion, roots)) }));
    this.#contexts = new ServerNames(contexts.flatMap(({ one, context }) => one.names.map(name => [name, context] as const)));
    this.#handshakes.setSecureContext(contextOptions(first, minVersion, roots));
    if (this.#roots !== roots) this.#handshakes.forgetSessions();
    this.#roots = roots;
    this.#first = first;
    for (const settle of [...this.#waiting]) settle();
  }
}
