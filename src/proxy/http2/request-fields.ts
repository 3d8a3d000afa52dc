import type { HeaderField } from './header-field.ts';
import type { FieldSink } from './hpack-decoder.ts';

/** Why a request's fields are not a head: `malformed` for everything that RFC 9113 §8 forbids. */
export type BadRequest = 'malformed' | 'method-not-allowed';

const order = { pseudo: 0, regular: 1 } as const;

/** Turns the fields of a request into canonical text; one object serves all connections, because a block is dealt with in one go. */
export class RequestFields implements FieldSink {
  /** Extended CONNECT for a WebSocket. @see RFC 8441 */
  websocket = false;
  #at: number = order.pseudo;
  #bad = false;
  #method = '';
  #scheme = '';
  #authority: string | null = null;
  #path = '';
  #protocol = '';
  #host: string | null = null;
  #cookie = '';
  #lines = '';

  /** Begins a new head. */
  reset(): void {
    this.websocket = false;
    this.#at = order.pseudo;
    this.#bad = false;
    this.#method = '';
    this.#scheme = '';
    this.#authority = null;
    this.#path = '';
    this.#protocol = '';
    this.#host = null;
    this.#cookie = '';
    this.#lines = '';
  }

  field(field: HeaderField): void {
    switch (field.kind) {
      case 'plain':
      case 'content-length':
        this.#at = order.regular;
        this.#lines += field.line;
        return;
      case 'cookie':
        // Crumbs are one field again where a server may not know that they belong together. @see RFC 9113 §8.2.3
        this.#at = order.regular;
        this.#cookie = this.#cookie === '' ? field.value : `${this.#cookie}; ${field.value}`;
        return;
      case 'host':
        this.#at = order.regular;
        if (this.#host !== null) this.#bad = true;
        this.#host = field.value;
        return;
      case 'te':
        this.#at = order.regular;
        if (field.value !== 'trailers') this.#bad = true;
        this.#lines += field.line;
        return;
      case 'method':
        this.#method = this.#pseudo(this.#method, field.value);
        return;
      case 'scheme':
        this.#scheme = this.#pseudo(this.#scheme, field.value);
        return;
      case 'path':
        this.#path = this.#pseudo(this.#path, field.value);
        return;
      case 'protocol':
        this.#protocol = this.#pseudo(this.#protocol, field.value);
        return;
      case 'authority':
        this.#authority = this.#pseudo(this.#authority ?? '', field.value);
        return;
      default:
        this.#bad = true;
    }
  }

  /**
   * The head as text with its empty line, or why it is none. What HTTP/1 asks of a head too (method, target, authority, length) is left to `RequestHead`.
   * @param key for the WebSocket handshake that HTTP/1 servers expect
   */
  text(key: () => string): { readonly text: string } | BadRequest {
    if (this.#bad || this.#method === '') return 'malformed';
    let method = this.#method;
    let upgrade = '';
    if (method === 'CONNECT') {
      // A plain one would make the mesh an open tunnel.
      if (this.#protocol === '') return 'method-not-allowed';
      if (this.#protocol !== 'websocket') return 'malformed';
      this.websocket = true;
      method = 'GET';
      upgrade = `connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ${key()}\r\n`;
    } else if (this.#protocol !== '') return 'malformed';
    if (this.#scheme !== 'http' && this.#scheme !== 'https') return 'malformed';
    if (!this.#path.startsWith('/') && this.#path !== '*') return 'malformed';
    if (this.#authority !== null && this.#host !== null && this.#authority.toLowerCase() !== this.#host.toLowerCase())
      return 'malformed';
    const host = this.#authority ?? this.#host;
    if (host === null || host === '') return 'malformed';
    const cookie = this.#cookie === '' ? '' : `cookie: ${this.#cookie}\r\n`;
    return { text: `${method} ${this.#path} HTTP/1.1\r\nhost: ${host}\r\n${upgrade}${cookie}${this.#lines}\r\n` };
  }

  #pseudo(before: string, value: string): string {
    if (this.#at !== order.pseudo || before !== '' || value === '') this.#bad = true;
    return value;
  }
}
