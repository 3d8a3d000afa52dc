import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { Clock } from '../../async/clock.ts';
import type { GatewayTls } from '../../snapshot/snapshot.ts';
import { SocketStream } from '../transport/socket-stream.ts';
import { type CertificateStore, contextOf, type HeldCertificate } from './certificate-store.ts';
import { Handshakes } from './handshakes.ts';
import { ServerNames } from './server-names.ts';

/** The daemon sends a certificate within milliseconds of the snapshot that names it; a browser waits longer than this. */
const certificateMs = 5_000;

/** A connection whose TLS is ended here. */
export interface SecuredConnection {
  readonly stream: SocketStream;
  /** What client and gateway chose: `h2`, `http/1.1`, or `null` where the client offered nothing. */
  readonly alpn: string | null;
  /** Server name (SNI) that the client asked for; empty where it named none. */
  readonly serverName: string;
}

/** Ends TLS at one port of a gateway with the certificate that fits the server name asked for, else with the first one. */
export class GatewayTlsServer {
  readonly #options: GatewayTls;
  readonly #store: CertificateStore;
  readonly #clock: Clock;
  readonly #handshakes: Handshakes;
  readonly #waiting = new Set<() => void>();
  readonly #forget: () => void;
  #contexts = new ServerNames<SecureContext>([]);
  #first: HeldCertificate | null = null;

  /** `protocols`: what is offered by ALPN, dearest first; empty: nothing. */
  constructor(options: GatewayTls, protocols: readonly string[], store: CertificateStore, clock: Clock) {
    this.#options = options;
    this.#store = store;
    this.#clock = clock;
    this.#handshakes = new Handshakes({
      minVersion: `TLSv${options.minVersion}`,
      SNICallback: (name, done) => done(null, this.#contexts.find(name.toLowerCase()) ?? undefined),
      ...(protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }),
    });
    this.#forget = store.onReplaced(() => this.#use());
    this.#use();
  }

  /** Calls one of the two, once. A refused connection is closed already. */
  accept(transport: Socket, accepted: (connection: SecuredConnection) => void, refused: (reason: string) => void): void {
    const begin = (): void => {
      this.#handshakes.begin(
        transport,
        socket => {
          const alpn = typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : null;
          const { servername } = socket as { readonly servername?: string | false };
          accepted({ stream: new SocketStream(socket), alpn, serverName: typeof servername === 'string' ? servername : '' });
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
    const cancel = this.#clock.after(certificateMs, settle);
    this.#waiting.add(settle);
    transport.on('close', settle);
  }

  #use(): void {
    const { certificates, minVersion } = this.#options;
    const held = certificates.flatMap(name => this.#store.get(name) ?? []);
    const [first] = held;
    if (first === undefined) return;
    this.#first = first;
    const contexts = held.map(one => ({ one, context: contextOf(one, minVersion) }));
    this.#contexts = new ServerNames(contexts.flatMap(({ one, context }) => one.names.map(name => [name, context] as const)));
    this.#handshakes.setSecureContext({ cert: first.chainPem, key: first.keyPem, minVersion: `TLSv${minVersion}` });
    for (const settle of [...this.#waiting]) settle();
  }
}
