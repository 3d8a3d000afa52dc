import { Deadline } from '../../async/deadline.ts';
import type { Downstream } from '../data-plane.ts';
import { Exchange } from '../exchange/exchange.ts';
import type { ExchangeClient } from '../exchange/exchange-client.ts';
import type { ExchangeParts } from '../exchange/exchange-parts.ts';
import type { ExchangeRole } from '../exchange/exchange-role.ts';
import { refusal } from '../exchange/failure.ts';
import type { ByteStream, StreamReader } from '../transport/byte-stream.ts';
import { kept } from '../transport/read-buffer.ts';
import { AnswerSide } from './answer-side.ts';
import { lf } from './chars.ts';
import { type BodySink, ChunkReader, chunkDone } from './chunk-reader.ts';
import { chunkedBody } from './framing.ts';
import { RequestHead } from './request-head.ts';
import type { ResponseHead } from './response-head.ts';

/** Envoy's limit for request heads; Node's is 16 KiB, HAProxy's 16 KiB. */
const maxHeadBytes = 60 * 1024;
/** A head has to be complete this long after its first byte: a drip-fed one would hold its connection for ever. */
const headMs = 10_000;
/** A new connection has to send its first byte within this time. */
const firstByteMs = 60_000;
/** A body has to move on by at least `minBodyBytes` in this time. */
const bodyMs = 60_000;
const minBodyBytes = 64;
/**
 * A sidecar that leaves ends connections that have been quiet for so long. Those in use hear `Connection: close` with their next answer; ended at once, the
 * request already on its way to them would fail.
 */
const quietMs = 200;
/** After the last answer the rest of a half-read request is thrown away for a while: closing at once could destroy the answer on its way. */
const lingerMs = 1_000;

const state = { head: 0, length: 1, chunks: 2, waiting: 3, tunnel: 4, lingering: 5, closed: 6 } as const;
/** One for all connections: a head is dealt with before the next one is read. */
const requestHead = new RequestHead();

const preface = 'PRI * HTTP/2.0';

/** Whether bytes that are no HTTP/1 begin as HTTP/2 does. @see RFC 9113 §3.4 */
function beginsHttp2(bytes: Buffer, from: number): boolean {
  return preface.startsWith(bytes.toString('latin1', from, from + preface.length));
}

/** One client's connection: reads its requests one after the other, hands them to the exchange, and decides whether the connection lives on. */
export class DownstreamConnection extends AnswerSide implements ExchangeClient, StreamReader {
  readonly role: ExchangeRole;
  readonly remote: string;
  readonly local: string;
  readonly #stream: ByteStream;
  readonly #parts: ExchangeParts;
  readonly #exchange: Exchange;
  readonly #onClosed: (connection: DownstreamConnection) => void;
  readonly #onHttp2: ((initial: Buffer) => void) | null;
  readonly #deadline = new Deadline(() => this.#parts.guard(this, () => this.#expired()));
  #state: number = state.head;
  /** What is to be read lies in `#input` from `#from` to `#limit`; memory that is only lent is copied when something is left of it. */
  #input: Buffer | null = null;
  #from = 0;
  #limit = 0;
  #remaining = 0;
  #chunks: ChunkReader | null = null;
  /** Takes the request's body out of its chunks. */
  readonly #body: BodySink = {
    piece: (bytes, from, to) => this.#exchange.requestPiece(bytes, from, to),
    trailers: lines => this.#exchange.requestTrailers(lines),
  };
  #running = false;
  #paused = true;
  #ended = false;
  #leaving = false;
  #bodyMark = 0;
  /** A request was read. */
  #begun = false;

  /** `onClosed` is called once. `onHttp2`: the connection speaks HTTP/2; it is the callee's, with what was read of it. */
  constructor(
    downstream: Downstream,
    role: ExchangeRole,
    parts: ExchangeParts,
    onClosed: (connection: DownstreamConnection) => void,
    onHttp2: ((initial: Buffer) => void) | null = null,
  ) {
    const { stream } = downstream;
    super(stream);
    this.role = role;
    this.#parts = parts;
    this.#stream = stream;
    this.#onClosed = onClosed;
    this.#onHttp2 = onHttp2;
    this.remote = `${downstream.remoteAddress}:${downstream.remotePort}`;
    this.local = `${downstream.localAddress}:${downstream.localPort}`;
    this.#exchange = new Exchange(this, parts);
    stream.readBy(this);
    parts.deadlines.of(firstByteMs).arm(this.#deadline);
    if (downstream.initial.length > 0) this.bytes(downstream.initial, 0, downstream.initial.length);
    if (this.#state !== state.waiting || this.#input === null) this.resumeReading();
  }

  /** It is over, or another codec's. */
  get over(): boolean {
    return this.#state === state.closed;
  }

  /** Ends the connection as soon as no exchange is in the way. */
  drain(): void {
    this.#leaving = true;
    if (this.#state === state.tunnel) this.#parts.guard(this, () => this.#exchange.goAway());
    else if (this.#state === state.head && this.#input === null) this.#parts.deadlines.of(quietMs).arm(this.#deadline);
  }

  /** Ends the exchange at hand as well as that can be done now. */
  cutOff(): void {
    if (this.#exchange.active) this.#parts.guard(this, () => this.#exchange.cutOff());
  }

  /** @see Exchange.cutTunnel */
  cutTunnel(): void {
    if (this.#exchange.active) this.#parts.guard(this, () => this.#exchange.cutTunnel());
  }

  /** Ends the connection now. */
  destroy(): void {
    this.#stream.destroy();
  }

  pauseReading(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#stream.pause();
  }

  resumeReading(): void {
    if (!this.#paused || this.#state === state.closed) return;
    this.#paused = false;
    this.#stream.resume();
  }

  protected get mayGoOn(): boolean {
    return this.#state === state.waiting && !this.#leaving && !this.#parts.draining();
  }

  tunnelOpened(head: ResponseHead, lines: string): void {
    this.#deadline.disarm();
    this.upgrade(head, lines);
    this.#state = state.tunnel;
    this.#run();
    if (this.#ended) this.#exchange.clientEnded();
  }

  endTunnel(): void {
    this.writer.flush();
    this.#stream.end();
  }

  exchangeEnded(): void {
    if (this.#state === state.closed) return;
    const reusable = this.keepAlive && this.#state === state.waiting;
    const more = this.#input !== null && this.#from < this.#limit;
    if (!reusable || (this.#ended && !more)) {
      this.#hangUp();
      return;
    }
    this.#state = state.head;
    this.#parts.deadlines.of(more ? headMs : this.role.keepAliveMs).arm(this.#deadline);
    if (more) this.#run();
    // What is left of the input will never be a whole request.
    if (this.#ended) this.#clientEnded();
    if (this.#state === state.head || this.#state === state.length || this.#state === state.chunks) this.resumeReading();
  }

  abort(): void {
    // A plain FIN would make an answer without a length look complete.
    this.#stream.reset();
  }

  /** The request's body, from the chunk reader. */
  bytes(bytes: Buffer, from: number, to: number): void {
    try {
      this.#received(bytes, from, to);
    } catch (error) {
      this.#parts.guard(this, () => {
        throw error;
      });
    }
  }

  ended(): void {
    this.#parts.guard(this, () => this.#clientEnded());
  }

  drained(): void {
    this.writer.full = false;
    this.#parts.guard(this, () => this.#exchange.clientDrained());
  }

  closed(): void {
    this.#close();
  }

  #received(bytes: Buffer, from: number, to: number): void {
    if (this.#state === state.lingering) return;
    if (this.#input === null) {
      this.#input = bytes;
      this.#from = from;
      this.#limit = to;
      this.#run();
      if (this.#input !== null) this.#keep(kept(this.#input, this.#from, this.#limit));
      // Most heads come whole: only the others need a deadline.
      if (this.#state === state.head && this.#input !== null) this.#parts.deadlines.of(headMs).arm(this.#deadline);
      return;
    }
    const piece = bytes.subarray(from, to);
    this.#keep(Buffer.concat([this.#input.subarray(this.#from, this.#limit), piece]));
    // Only a line end can complete a head; without one there is nothing new to judge but its length.
    if (this.#state === state.head && !piece.includes(lf) && this.#limit <= maxHeadBytes) return;
    this.#run();
  }

  #keep(input: Buffer): void {
    this.#input = input;
    this.#from = 0;
    this.#limit = input.length;
  }

  /** Reads what there is to read in the input. Answers given at once lead back here; the loop, not recursion, then takes the next request. */
  #run(): void {
    if (this.#running) return;
    this.#running = true;
    while (this.#input !== null && this.#step(this.#input)) if (this.#from >= this.#limit) this.#input = null;
    this.#running = false;
    if (this.#from >= this.#limit) this.#input = null;
    // Requests wait for the answer before them, and the client for room.
    if (this.#state === state.waiting && this.#input !== null) this.pauseReading();
    this.#exchange.flushRequest();
  }

  /** One step of reading. Returns whether there may be another one with the input at hand. */
  #step(bytes: Buffer): boolean {
    const limit = this.#limit;
    switch (this.#state) {
      case state.head:
        return this.#readHead(bytes, limit);
      case state.length: {
        const take = Math.min(this.#remaining, limit - this.#from);
        const from = this.#from;
        this.#from += take;
        this.#remaining -= take;
        this.#exchange.requestPiece(bytes, from, from + take);
        if (this.#remaining === 0) this.#requestEnded();
        return true;
      }
      case state.chunks: {
        const chunks = this.#chunks as ChunkReader;
        const result = chunks.read(bytes, this.#from, limit, this.#body);
        if (result < 0) {
          this.#badBody();
          return false;
        }
        this.#from = chunks.position;
        if (result === chunkDone) this.#requestEnded();
        return true;
      }
      case state.tunnel: {
        const from = this.#from;
        this.#from = limit;
        this.#exchange.requestPiece(bytes, from, limit);
        return false;
      }
      case state.waiting:
        return false;
      default:
        this.#input = null;
        return false;
    }
  }

  #readHead(bytes: Buffer, limit: number): boolean {
    const end = requestHead.read(bytes, this.#from, limit);
    if (end <= 0 || end - this.#from > maxHeadBytes) {
      const tooLarge = (end === 0 ? limit : end) - this.#from > maxHeadBytes;
      if (end === 0 && !tooLarge) return false;
      if (end < 0 && this.#onHttp2 !== null && !this.#begun && beginsHttp2(bytes, this.#from)) {
        this.#toHttp2(bytes, this.#onHttp2);
        return false;
      }
      this.#state = state.lingering;
      this.#input = null;
      this.answerTo(null);
      this.#exchange.refuse(tooLarge ? 'head-too-large' : refusal(end));
      return false;
    }
    this.#from = end;
    this.#begun = true;
    const { body } = requestHead;
    this.answerTo(requestHead);
    if (body === chunkedBody) {
      this.#chunks ??= new ChunkReader();
      this.#chunks.reset();
      this.#state = state.chunks;
    } else {
      this.#remaining = body;
      this.#state = body === 0 ? state.waiting : state.length;
    }
    if (body === 0) this.#deadline.disarm();
    else {
      this.#bodyMark = 0;
      this.#parts.deadlines.of(bodyMs).arm(this.#deadline);
    }
    this.#exchange.begin(requestHead);
    if (body === 0 && this.#exchange.active) this.#exchange.requestEnded();
    return true;
  }

  /** Another codec takes over, with everything that was read. */
  #toHttp2(bytes: Buffer, take: (initial: Buffer) => void): void {
    this.#state = state.closed;
    this.#deadline.disarm();
    this.#input = null;
    this.#stream.pause();
    this.#onClosed(this);
    take(kept(bytes, this.#from, this.#limit));
  }

  #requestEnded(): void {
    this.#deadline.disarm();
    if (!this.#exchange.active) return;
    this.#state = state.waiting;
    this.#exchange.requestEnded();
  }

  /** The body broke its framing: nothing after it can be trusted, and the server must not see a complete request. */
  #badBody(): void {
    this.#input = null;
    this.#state = state.lingering;
    this.#exchange.clientBroke('bad-request');
  }

  #expired(): void {
    switch (this.#state) {
      case state.head:
        if (this.#input !== null) this.#refuseSlow();
        // A request that crosses the end on its way is not read, so its sender may repeat it.
        else if (this.#leaving) this.#hangUp();
        else this.#stream.destroy();
        return;
      case state.length:
      case state.chunks: {
        const moved = this.#exchange.facts.bytesReceived - this.#bodyMark;
        this.#bodyMark = this.#exchange.facts.bytesReceived;
        // Paused by us: the server is the slow one.
        if (moved >= minBodyBytes || this.#paused) this.#parts.deadlines.of(bodyMs).arm(this.#deadline);
        else this.#refuseSlow();
        return;
      }
      default:
        this.#stream.destroy();
    }
  }

  #refuseSlow(): void {
    this.#input = null;
    this.#state = state.lingering;
    if (this.#exchange.active) this.#exchange.clientBroke('request-timeout');
    else {
      this.answerTo(null);
      this.#exchange.refuse('request-timeout');
    }
  }

  #clientEnded(): void {
    this.#ended = true;
    if (this.#state === state.tunnel || this.#state === state.waiting) this.#exchange.clientEnded();
    // A client may end its side and still want the answer to a complete request.
    else if (this.#state === state.length || this.#state === state.chunks) this.#stream.destroy();
    else if (this.#state === state.head) this.#stream.end();
  }

  /** Sends what is left, then ends; the rest of a half-read request is thrown away for a moment. */
  #hangUp(): void {
    this.#state = state.lingering;
    this.#input = null;
    this.#stream.end();
    this.resumeReading();
    this.#parts.deadlines.of(lingerMs).arm(this.#deadline);
  }

  #close(): void {
    if (this.#state === state.closed) return;
    this.#state = state.closed;
    this.#deadline.disarm();
    this.#input = null;
    this.#parts.guard(this, () => this.#exchange.clientGone());
    this.#stream.destroy();
    this.#onClosed(this);
  }
}
