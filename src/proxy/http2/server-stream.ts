import type { ExchangeClient } from '../exchange/exchange-client.ts';
import type { ExchangeRole } from '../exchange/exchange-role.ts';
import { type Failure, type LocalReply, reasonLine } from '../exchange/failure.ts';
import type { BodyLength } from '../http1/framing.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { lengthFields, type ResponseHead } from '../http1/response-head.ts';
import { errorCode } from './error-code.ts';
import { Http2Stream } from './http2-stream.ts';
import type { ServerConnection } from './server-connection.ts';

/** What a stream tells its exchange; `Exchange` is the one that forwards. */
export interface StreamExchange {
  readonly active: boolean;
  begin(head: RequestHead): void;
  refuse(failure: Failure): void;
  requestPiece(bytes: Buffer, from: number, to: number): void;
  requestTrailers(lines: string): void;
  requestEnded(): void;
  flushRequest(): void;
  clientDrained(): void;
  clientEnded(): void;
  clientBroke(failure: Failure): void;
  clientGone(): void;
  goAway(): void;
  cutOff(): void;
  cutTunnel(): void;
}

/** One request of a client and its answer. Used again by its connection for later requests, with its exchange. */
export class ServerStream extends Http2Stream implements ExchangeClient {
  readonly role: ExchangeRole;
  readonly remote: string;
  readonly local: string;
  readonly protocol = 'HTTP/2';
  readonly #server: ServerConnection;
  readonly #exchange: StreamExchange;
  /** Content-Length, or a negative number where it was not told. */
  #declared: BodyLength = 0;
  #bytes = 0;
  #requestDone = false;
  #wantsTunnel = false;
  #tunnel = false;
  /** Not a proper request, or not all of it. */
  #bad = false;
  #toHead = false;
  #exchangeOver = true;

  constructor(connection: ServerConnection, role: ExchangeRole, exchange: (client: ExchangeClient) => StreamExchange) {
    super(connection);
    this.#server = connection;
    this.role = role;
    this.remote = connection.remote;
    this.local = connection.local;
    this.#exchange = exchange(this);
  }

  /** A request's head. */
  begin(id: number, head: RequestHead, endStream: boolean): void {
    this.#open(id);
    this.remoteDone = endStream;
    this.#declared = head.body;
    this.#wantsTunnel = head.websocket;
    this.#toHead = head.method === 'HEAD';
    // Also where the length is 0: until the end has come, there may be more than that.
    this.#requestDone = endStream || head.websocket;
    // Bytes of the other protocol wait until the server has agreed.
    if (this.#wantsTunnel) this.pause();
    this.#exchange.begin(head);
    if (this.#requestDone && this.#exchange.active) this.#exchange.requestEnded();
  }

  /** A request that is not a proper one. */
  refuse(id: number, failure: Failure, endStream: boolean): void {
    this.#open(id);
    this.remoteDone = endStream;
    this.#bad = true;
    this.#exchange.refuse(failure);
  }

  #open(id: number): void {
    this.open(id);
    this.#bytes = 0;
    this.#toHead = false;
    this.#wantsTunnel = false;
    this.#tunnel = false;
    this.#bad = false;
    this.#requestDone = true;
    this.#exchangeOver = false;
  }

  interim(head: ResponseHead): void {
    this.#head(head, lengthFields, '', false);
    this.flush();
  }

  answer(head: ResponseHead, cut: number, lines: string, length: BodyLength): void {
    this.#head(head, head.status === 204 ? cut | lengthFields : cut, lines, length === 0);
  }

  reply(reply: LocalReply, lines: string): void {
    const { encoder } = this.connection;
    const { status, contentType } = reply;
    const bodyless = status === 204 || status === 304;
    const body = Buffer.from(bodyless ? '' : reply.body);
    const type = body.length === 0 && contentType === undefined ? '' : `content-type: ${contentType ?? 'text/plain'}\r\n`;
    const length = bodyless ? '' : `content-length: ${body.length}\r\n`;
    const own = `${length}${type}${reasonLine(reply)}${reply.lines ?? ''}${lines}`;
    const empty = this.#toHead || body.length === 0;
    this.sendHeaders(encoder.begin() + encoder.status(status) + encoder.lines(own, 0), empty);
    if (!empty) this.piece(body, 0, body.length);
    this.end();
    this.flush();
  }

  tunnelOpened(head: ResponseHead, lines: string): void {
    this.#tunnel = true;
    const { encoder } = this.connection;
    const text = head.forward(lengthFields, lines);
    this.sendHeaders(encoder.begin() + encoder.status(200) + encoder.lines(text, text.indexOf('\r\n') + 2), false);
    this.flush();
    this.resume();
  }

  endTunnel(): void {
    this.end();
    this.flush();
  }

  pauseReading(): void {
    this.pause();
  }

  resumeReading(): void {
    if (!this.#wantsTunnel || this.#tunnel) this.resume();
  }

  /** The sidecar is about to stop. */
  goAway(): void {
    if (this.#tunnel) this.#exchange.goAway();
  }

  /** The sidecar stops now. */
  cutOff(): void {
    if (this.#exchange.active) this.#exchange.cutOff();
  }

  /** @see Exchange.cutTunnel */
  cutTunnel(): void {
    if (this.#exchange.active) this.#exchange.cutTunnel();
  }

  abort(code: number = errorCode.internalError): void {
    this.#exchangeOver = true;
    this.reset(code);
    // After a bug nobody knows what state the exchange is in.
    if (!this.#exchange.active) this.#release();
  }

  exchangeEnded(): void {
    this.#exchangeOver = true;
    this.#settle();
  }

  lost(): void {
    this.#exchange.clientGone();
    this.#exchangeOver = true;
    this.#release();
  }

  turnEnded(): void {
    if (this.#exchange.active) this.#exchange.flushRequest();
  }

  protected received(bytes: Buffer, from: number, to: number): void {
    this.#bytes += to - from;
    if (this.#declared >= 0 && this.#bytes > this.#declared && !this.#tunnel) this.#broke();
    else this.#exchange.requestPiece(bytes, from, to);
  }

  protected receivedTrailers(lines: string): void {
    if (!this.#requestDone && this.#exchange.active) this.#exchange.requestTrailers(lines);
  }

  protected receivedEnd(): void {
    if (this.#tunnel) {
      if (this.#exchange.active) this.#exchange.clientEnded();
      this.#settle();
      return;
    }
    if (this.#declared > 0 && this.#bytes < this.#declared) this.#broke();
    else if (!this.#requestDone) {
      this.#requestDone = true;
      if (this.#exchange.active) this.#exchange.requestEnded();
    }
  }

  protected drained(): void {
    if (this.#exchange.active) this.#exchange.clientDrained();
  }

  protected sentEnd(): void {
    this.#settle();
  }

  /** Trailers are not proper ones, or data does not have the length that was told. */
  broke(): void {
    this.#broke();
  }

  #broke(): void {
    this.#bad = true;
    this.#requestDone = true;
    if (this.#exchange.active) this.#exchange.clientBroke('bad-request');
    if (!this.gone) this.abort(errorCode.protocolError);
    this.#server.wasted();
  }

  #head(head: ResponseHead, cut: number, lines: string, endStream: boolean): void {
    const { encoder } = this.connection;
    const text = head.forward(cut, lines);
    this.sendHeaders(encoder.begin() + encoder.status(head.status) + encoder.lines(text, text.indexOf('\r\n') + 2), endStream);
  }

  /** Ends the stream when both the exchange and the answer are through. */
  #settle(): void {
    if (this.gone || !this.#exchangeOver || !this.localDone) return;
    // The rest of the request is not wanted, which is no error. @see RFC 9113 §8.1
    if (!this.#bad) this.connection.guard.completed();
    if (this.remoteDone) this.connection.forget(this);
    else this.reset(errorCode.noError);
    this.#release();
  }

  #release(): void {
    this.discard();
    this.#server.recycle(this);
  }
}
