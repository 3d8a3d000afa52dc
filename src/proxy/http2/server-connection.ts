import { Deadline } from '../../async/deadline.ts';
import type { Downstream } from '../data-plane.ts';
import type { ExchangeClient } from '../exchange/exchange-client.ts';
import type { ExchangeParts } from '../exchange/exchange-parts.ts';
import type { ExchangeRole } from '../exchange/exchange-role.ts';
import { type Failure, refusal } from '../exchange/failure.ts';
import { chunkedBody } from '../http1/framing.ts';
import { field } from '../http1/known-field.ts';
import { RequestHead } from '../http1/request-head.ts';
import { ConnectionError, errorCode } from './error-code.ts';
import { goawayFrame, maxWindow, pingFrame, settingsFrame, windowUpdateFrame } from './frame.ts';
import { Http2Connection } from './http2-connection.ts';
import type { Http2Stream } from './http2-stream.ts';
import { RequestFields } from './request-fields.ts';
import { ServerStream, type StreamExchange } from './server-stream.ts';
import { connectionWindow, defaultWindow, maxConcurrentStreams, maxHeaderListBytes, setting, streamWindow } from './settings.ts';
import { TrailerFields } from './trailer-fields.ts';

/** What every client says first. @see RFC 9113 §3.4 */
export const preface: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

const greeting: string =
  settingsFrame([
    [setting.maxConcurrentStreams, maxConcurrentStreams],
    [setting.initialWindowSize, streamWindow],
    [setting.maxHeaderListSize, maxHeaderListBytes],
    [setting.enableConnectProtocol, 1],
  ]) + windowUpdateFrame(0, connectionWindow - defaultWindow);

/** Preface, SETTINGS, and header blocks have to be complete this long after they began. */
const headMs = 10_000;
/** A stream that is reset sooner than this was opened in vain. @see Envoy `overload.premature_reset_min_stream_lifetime_seconds` */
const prematureMs = 1_000;
/** Queued data of an answer has to move on in this time: Envoy's idle timeout of streams. */
const stallMs = 300_000;
/** After the last words the connection is given this long to take them. */
const lingerMs = 1_000;

/** Streams kept for later requests: an exchange is not small, and most clients have few at once. */
const maxFree = 32;
/** One for all connections: a head is dealt with before the next one is read. */
const requestHead = new RequestHead();
const requestFields = new RequestFields();
const trailerFields = new TrailerFields();
/** A whole head as bytes: names, values and what text adds to them. */
const scratch: Buffer = Buffer.allocUnsafeSlow(80 * 1024);

/** What a connection needs from the program. */
export interface ServerParts extends Pick<ExchangeParts, 'clock' | 'deadlines' | 'random' | 'guard'> {
  /** Makes what a stream's requests are handed to. */
  readonly exchange: (client: ExchangeClient) => StreamExchange;
}

/** One client's HTTP/2 connection: its streams are exchanges. Judges as RFC 9113 asks, and ends the connection of a client that only makes work. */
export class ServerConnection extends Http2Connection {
  readonly remote: string;
  readonly local: string;
  readonly role: ExchangeRole;
  readonly #parts: ServerParts;
  readonly #onClosed: (connection: ServerConnection) => void;
  readonly #free: ServerStream[] = [];
  readonly #deadline = new Deadline(() => this.#safely(() => this.#expired()));
  readonly #stall = new Deadline(() => this.#safely(() => this.#sweep()));
  #prefaceAt = 0;
  /** `reader.frames` when the deadline for what is incomplete was armed; -1 where it is not. */
  #waitingSince = -1;
  #draining = false;
  /** Set once no new stream is taken. */
  #last = -1;

  /** `onClosed` is called once. */
  constructor(downstream: Downstream, role: ExchangeRole, parts: ServerParts, onClosed: (connection: ServerConnection) => void) {
    super(downstream.stream, {
      now: () => parts.clock.monotonic(),
      onBug: error =>
        parts.guard(this, () => {
          throw error;
        }),
    });
    this.remote = `${downstream.remoteAddress}:${downstream.remotePort}`;
    this.local = `${downstream.localAddress}:${downstream.localPort}`;
    this.role = role;
    this.#parts = parts;
    this.#onClosed = onClosed;
    parts.deadlines.of(headMs).arm(this.#deadline);
    this.writer.text(greeting);
    downstream.stream.readBy(this);
    if (downstream.initial.length > 0) this.bytes(downstream.initial, 0, downstream.initial.length);
    else this.writer.flush();
    downstream.stream.resume();
  }

  /** Ends the connection as soon as its exchanges are through. */
  drain(): void {
    if (this.#draining || this.over) return;
    this.#draining = true;
    // First "no more, please", and when the client has seen that (PING), which streams were the last. @see RFC 9113 §6.8
    this.writer.text(goawayFrame(maxWindow, errorCode.noError) + pingFrame(false, 'drained?'));
    this.schedule();
    this.#parts.deadlines.of(lingerMs).arm(this.#deadline);
    this.#each(stream => stream.goAway());
  }

  /** Ends the exchanges at hand as well as that can be done now. */
  cutOff(): void {
    this.#each(stream => stream.cutOff());
    this.#safely(() => this.#takeNoMore());
  }

  /** @see Exchange.cutTunnel */
  cutTunnel(): void {
    this.#each(stream => stream.cutTunnel());
  }

  #each(act: (stream: ServerStream) => void): void {
    for (const stream of [...this.streams.values()]) if (stream instanceof ServerStream) this.#safely(() => act(stream));
  }

  /** Ends the connection now. */
  destroy(): void {
    this.lose(true);
  }

  /** A bug in a stream. */
  abort(): void {
    this.bytestream.reset();
  }

  /** For another request. */
  recycle(stream: ServerStream): void {
    if (this.#free.length < maxFree) this.#free.push(stream);
  }

  /** @throws ConnectionError when the client has made too much work for nothing */
  wasted(): void {
    if (!this.guard.waste()) throw new ConnectionError(errorCode.enhanceYourCalm, 'too many streams in vain');
  }

  protected override read(bytes: Buffer, from: number, to: number): void {
    let p = from;
    while (this.#prefaceAt < preface.length && p < to) {
      if (bytes[p++] !== preface[this.#prefaceAt++]) throw new ConnectionError(errorCode.protocolError, 'not an HTTP/2 preface');
    }
    super.read(bytes, p, to);
  }

  headers(id: number, endStream: boolean, bytes: Buffer, from: number, to: number): void {
    if (id <= this.lastId) {
      this.#trailers(id, endStream, bytes, from, to);
      return;
    }
    if ((id & 1) === 0) throw new ConnectionError(errorCode.protocolError, 'stream of an even number from a client');
    requestFields.reset();
    this.decode(bytes, from, to, requestFields);
    this.lastId = id;
    if (this.#last >= 0) return;
    if (this.streams.size >= maxConcurrentStreams) {
      this.resetStream(id, errorCode.refusedStream);
      this.wasted();
      return;
    }
    if (!this.#draining) this.#deadline.disarm();
    const stream = this.#free.pop() ?? new ServerStream(this, this.role, this.#parts.exchange);
    this.streams.set(id, stream);
    this.touch(stream);
    const failure = this.#readHead(endStream);
    if (failure === null) stream.begin(id, requestHead, endStream);
    else {
      stream.refuse(id, failure, endStream);
      this.wasted();
    }
  }

  /** Reads the head just decoded; returns why it is refused. */
  #readHead(endStream: boolean): Failure | null {
    if (this.decoder.tooLarge) return 'head-too-large';
    const head = requestFields.text(this.#websocketKey);
    if (head === 'malformed') return 'bad-request';
    if (head === 'method-not-allowed') return head;
    const length = scratch.write(head.text, 0, 'latin1');
    const end = requestHead.read(scratch, 0, length);
    if (end < 0) return refusal(end);
    if (end !== length) return 'bad-request';
    if (endStream && requestHead.body > 0) return 'bad-request';
    if (!endStream && !requestHead.websocket && !requestHead.fields.has(field.contentLength)) requestHead.body = chunkedBody;
    return null;
  }

  #trailers(id: number, endStream: boolean, bytes: Buffer, from: number, to: number): void {
    trailerFields.reset();
    this.decode(bytes, from, to, trailerFields);
    const stream = this.known(id);
    if (stream === null) return;
    const { lines } = trailerFields;
    if (lines === null || !endStream || this.decoder.tooLarge) stream.broke();
    else {
      stream.takeTrailers(lines);
      stream.takeEnd();
    }
  }

  /** 16 random bytes, for servers that speak WebSocket over HTTP/1. */
  readonly #websocketKey = (): string => Buffer.from(this.#parts.random.uuid().replaceAll('-', ''), 'hex').toString('base64');

  protected inputRead(): void {
    if (!this.reader.incomplete) {
      if (this.#waitingSince >= 0) {
        this.#waitingSince = -1;
        this.#idle();
      }
      return;
    }
    if (this.#waitingSince >= 0 && this.reader.frames - this.#waitingSince < 2) return;
    this.#waitingSince = this.reader.frames;
    this.#parts.deadlines.of(headMs).arm(this.#deadline);
  }

  override block(stream: ServerStream): void {
    super.block(stream);
    if (this.#stall.list === null) this.#parts.deadlines.of(stallMs).arm(this.#stall);
  }

  protected settingsChanged(): void {
    this.#idle();
  }

  goingAway(): void {}

  protected streamGivenUp(stream: Http2Stream): void {
    // Who waited for an answer before giving up has not made work for its own sake.
    if (this.now() - stream.openedAt < prematureMs) this.wasted();
  }

  protected streamForgotten(): void {
    if (this.streams.size > 0) return;
    if (this.#last >= 0) this.#finish();
    else this.#idle();
  }

  protected pingAcked(): void {
    if (this.#draining) this.#takeNoMore();
  }

  protected connectionOver(): void {
    this.#stall.disarm();
    this.#parts.deadlines.of(lingerMs).arm(this.#deadline);
    this.#onClosed(this);
  }

  protected lastPeerId(): number {
    return this.lastId;
  }

  protected isIdle(id: number): boolean {
    return id > this.lastId || (id & 1) === 0;
  }

  /** The time until the next stream begins to run. */
  #idle(): void {
    if (this.over || this.#draining || this.#waitingSince >= 0) return;
    if (this.streams.size > 0) this.#deadline.disarm();
    else this.#parts.deadlines.of(this.role.keepAliveMs).arm(this.#deadline);
  }

  #expired(): void {
    if (this.over) this.bytestream.destroy();
    else if (this.#waitingSince >= 0) this.fail(errorCode.enhanceYourCalm);
    else if (this.#draining) this.#takeNoMore();
    else this.fail(errorCode.noError);
  }

  #takeNoMore(): void {
    if (this.#last >= 0 || this.over) return;
    this.#deadline.disarm();
    this.#last = this.lastId;
    this.writer.text(goawayFrame(this.#last, errorCode.noError));
    this.schedule();
    if (this.streams.size === 0) this.#finish();
  }

  #finish(): void {
    this.writer.flush();
    this.lose(false);
  }

  #sweep(): void {
    if (this.sweepStalled()) this.#parts.deadlines.of(stallMs).arm(this.#stall);
  }

  #safely(act: () => void): void {
    this.#parts.guard(this, act);
  }
}
