import { isIP } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import type { Cluster } from '../../snapshot/snapshot.ts';

/** Own roots of external services; whoever has more gets their contexts made anew. */
const maxContexts = 64;

/** TLS towards servers outside the mesh: public roots (those built into Node) or given ones, and the server's name in its certificate. */
export class TlsOriginator {
  /** By PEM of the roots: reading them takes milliseconds. */
  readonly #contexts = new Map<string, SecureContext>();

  /** What `tls.connect` needs for a cluster with `tls`. */
  optionsFor({ tls, protocol }: Cluster): ConnectionOptions {
    if (tls === undefined) throw new Error('a cluster without TLS has an endpoint with TLS');
    const { serverName, caPem = '', insecure } = tls;
    // What is offered must be what is spoken then; a server that knows no ALPN speaks HTTP/1.
    const protocols = protocol === 'http2' ? ['h2'] : protocol === 'http1' ? ['http/1.1'] : [];
    return {
      secureContext: this.#context(caPem),
      // An address is no server name (RFC 6066 section 3), but it may stand in a certificate.
      servername: isIP(serverName) === 0 ? serverName : '',
      rejectUnauthorized: insecure !== true,
      checkServerIdentity: (_host, certificate) => (insecure === true ? undefined : checkServerIdentity(serverName, certificate)),
      ...(protocols.length === 0 ? {} : { ALPNProtocols: protocols }),
    };
  }

  #context(caPem: string): SecureContext {
    const known = this.#contexts.get(caPem);
    if (known !== undefined) return known;
    if (this.#contexts.size >= maxContexts) this.#contexts.clear();
    const context = createSecureContext(caPem === '' ? {} : { ca: caPem });
    this.#contexts.set(caPem, context);
    return context;
  }
}

/** What is wrong with a connection whose handshake succeeded; `null`: nothing. */
export function alpnProblem(socket: TLSSocket, { protocol }: Cluster): string | null {
  return protocol === 'http2' && socket.alpnProtocol !== 'h2' ? 'the server did not choose HTTP/2' : null;
}
