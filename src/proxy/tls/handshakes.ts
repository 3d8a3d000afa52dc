import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import { carriedBy } from '../transport/reset.ts';

/** Peers that do not finish the handshake in this time hold a descriptor for nothing (Envoy's transport_socket_connect_timeout exists for the same). */
const handshakeTimeoutMs = 10_000;

interface Waiting {
  readonly secured: (socket: TLSSocket, transport: Socket) => void;
  readonly failed: (reason: string) => void;
}

/** Makes TLS handshakes as a server on connections that others accepted. */
export class Handshakes {
  readonly #server: Server;
  readonly #waiting = new WeakMap<Socket, Waiting>();

  constructor(options: TlsOptions) {
    // Never listens: connections are handed to it.
    this.#server = createServer({ handshakeTimeout: handshakeTimeoutMs, allowHalfOpen: true, ...options });
    this.#server.on('secureConnection', socket => {
      const taken = this.#take(socket);
      if (taken === null) {
        socket.destroy();
        return;
      }
      carriedBy(socket, taken.transport);
      taken.waiting.secured(socket, taken.transport);
    });
    this.#server.on('tlsClientError', (error, socket) => {
      const taken = this.#take(socket);
      socket.destroy();
      taken?.transport.destroy();
      taken?.waiting.failed(reasonOf(error, socket));
    });
  }

  /** For handshakes from now on. */
  setSecureContext(options: SecureContextOptions): void {
    this.#server.setSecureContext(options);
  }

  /** What was verified before counts no more: every client has to show its certificate again. */
  forgetSessions(): void {
    this.#server.setTicketKeys(randomBytes(48));
  }

  /** Calls one of the two, once. A failed connection is closed already. */
  begin(transport: Socket, secured: Waiting['secured'], failed: Waiting['failed']): void {
    this.#waiting.set(transport, { secured, failed });
    // The TLS socket takes the handle over and reports errors itself; without a listener an early reset would be uncaught.
    transport.on('error', () => {});
    this.#server.emit('connection', transport);
  }

  #take(socket: TLSSocket): { readonly waiting: Waiting; readonly transport: Socket } | null {
    const transport = Reflect.get(socket, '_parent') as Socket;
    const waiting = this.#waiting.get(transport);
    if (waiting === undefined) return null;
    this.#waiting.delete(transport);
    return { waiting, transport };
  }
}

/** OpenSSL's codes for bytes that are no TLS at all. */
const plaintextCodes = new Set([
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_HTTPS_PROXY_REQUEST',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
]);

function reasonOf(error: NodeJS.ErrnoException, { authorizationError }: TLSSocket): string {
  // Node ends such a handshake itself, and says why only here.
  if (authorizationError) return `client certificate: ${String(authorizationError)}`;
  if (error.code === undefined) return 'tls handshake failed';
  if (error.code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE') return 'client certificate: none was given';
  return plaintextCodes.has(error.code) ? 'plaintext' : `tls handshake: ${error.code}`;
}
