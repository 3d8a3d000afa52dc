import { createHash } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { OutgoingRequest, ResponseHandler, UpstreamStream } from '../exchange/upstream-stream.ts';
import { type BodyLength, chunkedBody, untilClose } from '../http1/framing.ts';
import { ResponseHead } from '../http1/response-head.ts';
import type { ClientConnection } from './client-connection.ts';
import { errorCode } from './error-code.ts';
import { Http2Stream } from './http2-stream.ts';

/** One for all connections: a head is dealt with before the next one is read. */
const responseHead = new ResponseHead();
const scratch: Buffer = Buffer.allocUnsafeSlow(80 * 1024);
/** What a server adds to the key of a WebSocket handshake. @see RFC 6455 §1.3 */
const websocketGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** One request to an HTTP/2 server and its answer. */
export class ClientStream extends Http2Stream implements UpstreamStream {
  readonly reused: boolean;
  answered = false;
  readonly #client: ClientConnection;
  #handler: ResponseHandler | null = null;
  #method = '';
  /** Key of the client's WebSocket handshake; `null` for other requests. */
  #key: string | null = null;
  #tunnel = false;
  #responded = false;
  #declared: BodyLength = untilClose;
  #bytes = 0;

  constructor(connection: ClientConnection, reused: boolean) {
    super(connection);
    this.#client = connection;
    this.reused = reused;
  }

  send(request: OutgoingRequest, lines: string, handler: ResponseHandler): void {
    this.#handler = handler;
    this.#method = request.method;
    if (request.upgrade) {
      const { head } = request;
      this.#key = /\r\nsec-websocket-key:[ \t]*([^\r]*)/i.exec(head)?.[1]?.trim() ?? '';
      this.#client.whenSettled(() => {
        if (this.connection.peer.connectProtocol) this.#open('CONNECT', head, lines, 'websocket', false, false);
        else this.#client.later(() => this.lost(null, false));
      });
    } else this.#open(request.method, request.head, lines, '', request.trailersWelcome, request.body === 0);
  }

  #open(method: string, head: string, lines: string, protocol: string, trailers: boolean, endStream: boolean): void {
    if (this.#handler === null) return;
    const id = this.#client.begin(this);
    if (id === null) {
      this.#client.later(() => this.lost(errorCode.refusedStream, true));
      return;
    }
    this.open(id);
    const { encoder } = this.connection;
    const lineEnd = head.indexOf('\r\n');
    const from = head.indexOf(' ') + 1;
    const path = head.substring(from, head.lastIndexOf(' ', lineEnd));
    const authority = /\r\nhost:[ \t]*([^\r\t ]*)/i.exec(head)?.[1] ?? '';
    let block = encoder.begin() + encoder.request(method, this.#client.scheme, authority, path, protocol);
    block += encoder.lines(head, lineEnd + 2);
    if (lines !== '') block += encoder.lines(lines, 0);
    if (trailers) block += encoder.teTrailers();
    this.sendHeaders(block, endStream);
  }

  endTunnel(): void {
    this.end();
    this.flush();
  }

  cancel(): void {
    this.#handler = null;
    this.discard();
    this.reset(errorCode.cancel);
  }

  lost(code: number | null, untouched: boolean): void {
    const handler = this.#handler;
    this.#handler = null;
    this.discard();
    handler?.responseLost(code === null ? 'closed' : untouched ? 'refused' : 'reset');
  }

  turnEnded(): void {
    this.#handler?.turnEnded();
  }

  /** A header block of the answer that is not its trailer section. `lines`: `null` for one that is not proper. */
  headers(status: number, lines: string | null, endStream: boolean, tooLarge: boolean): void {
    this.answered = true;
    if (lines === null || tooLarge || (status < 200 && (endStream || status === 101))) {
      this.#fail(tooLarge ? 'head-too-large' : 'protocol');
      return;
    }
    const tunnel = this.#key !== null && status >= 200 && status < 300;
    if (!read(tunnel ? upgraded(this.#key ?? '', lines) : `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines}\r\n`)) {
      this.#fail('protocol');
      return;
    }
    const handler = this.#handler;
    if (tunnel) {
      this.#tunnel = true;
      this.#responded = true;
      handler?.tunnelOpened(responseHead);
    } else if (status < 200) handler?.interim(responseHead);
    else {
      const empty = status === 204 || status === 304 || this.#method === 'HEAD';
      if (empty || endStream) {
        if (!empty && responseHead.body > 0) {
          this.#fail('protocol');
          return;
        }
        responseHead.body = 0;
      } else if (responseHead.body === untilClose) responseHead.body = chunkedBody;
      this.#declared = responseHead.body;
      this.#responded = true;
      if (handler?.response(responseHead) === false) return;
    }
    if (endStream && !this.gone) this.takeEnd();
  }

  get responded(): boolean {
    return this.#responded;
  }

  broke(): void {
    this.#fail('protocol');
  }

  protected received(bytes: Buffer, from: number, to: number): void {
    if (this.#tunnel) {
      this.#handler?.piece(bytes, from, to);
      return;
    }
    this.#bytes += to - from;
    if (!this.#responded || (this.#declared >= 0 && this.#bytes > this.#declared)) this.#fail('protocol');
    else this.#handler?.piece(bytes, from, to);
  }

  protected receivedTrailers(lines: string): void {
    this.#handler?.trailers(lines);
  }

  protected receivedEnd(): void {
    const handler = this.#handler;
    if (this.#tunnel) {
      this.#settle();
      handler?.responseEnded();
      return;
    }
    if (!this.#responded || (this.#declared > 0 && this.#bytes < this.#declared)) {
      this.#fail('protocol');
      return;
    }
    this.#handler = null;
    if (!this.gone) {
      // The answer is complete, so the rest of the request is of no use.
      if (this.localDone) this.connection.forget(this);
      else this.reset(errorCode.noError);
    }
    handler?.responseEnded();
  }

  protected drained(): void {
    this.#handler?.upstreamDrained();
  }

  protected sentEnd(): void {
    this.#settle();
  }

  #settle(): void {
    if (this.localDone && this.remoteDone && !this.gone) this.connection.forget(this);
  }

  #fail(loss: 'protocol' | 'head-too-large'): void {
    const handler = this.#handler;
    this.#handler = null;
    this.discard();
    this.reset(errorCode.protocolError);
    handler?.responseLost(loss);
  }
}

function read(text: string): boolean {
  const length = scratch.write(text, 0, 'latin1');
  return responseHead.read(scratch, 0, length) === length;
}

/** The answer as a client of HTTP/1 expects it. */
function upgraded(key: string, lines: string): string {
  const accept = createHash('sha1')
    .update(key + websocketGuid)
    .digest('base64');
  return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n${lines}\r\n`;
}
