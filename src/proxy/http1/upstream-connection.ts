import type { ByteStream, StreamReader } from '../transport/byte-stream.ts';
import { kept } from '../transport/read-buffer.ts';
import { type BodySink, ChunkReader, chunkDone } from './chunk-reader.ts';
import { type BodyLength, chunkedBody, untilClose } from './framing.ts';
import { MessageWriter } from './message-writer.ts';
import { ResponseHead } from './response-head.ts';

/** Why a connection ended before its answer did. `closed`: the server ended it; `protocol`: it sent something that is not a proper answer. */
export type UpstreamLoss = 'closed' | 'reset' | 'protocol' | 'head-too-large';

/** The user of a connection for one exchange. Body pieces come through `BodySink`. */
export interface ResponseHandler extends BodySink {
  /** A WebSocket handshake was sent, so 101 is an answer. */
  readonly wantsTunnel: boolean;
  /** The body is wanted without the chunked coding. */
  readonly dataOnly: boolean;
  /** 100, 102, 103. */
  interim(head: ResponseHead): void;
  /** Returns how the body is to be read, or `abandoned` when the handler wants no more of this connection (it has destroyed it). */
  response(head: ResponseHead): BodyLength;
  /** From here on pieces are bytes of the other protocol. */
  tunnelOpened(head: ResponseHead): void;
  /** Called once, after the last piece; the connection has forgotten the handler. `reusable`: as far as the answer tells. */
  responseEnded(reusable: boolean): void;
  /** Called once, instead of `responseEnded`. */
  responseLost(loss: UpstreamLoss): void;
  /** All input of this turn has been handed on. */
  turnEnded(): void;
  /** The connection takes bytes again. */
  upstreamDrained(): void;
}

/** The handler wants no more of this connection. */
export const abandoned: BodyLength = -9;

/** Envoy's limit for response heads is 60 KiB; a larger one is answered with 502. */
const maxHeadBytes = 64 * 1024;
const reading = { head: 0, length: 1, chunks: 2, untilClose: 3, tunnel: 4 } as const;
/** One for all connections: a head is dealt with before the next one is read. */
const responseHead = new ResponseHead();

/** One keep-alive connection to a server: sends requests, reads answers, one at a time. */
export class UpstreamConnection implements StreamReader {
  readonly stream: ByteStream;
  readonly writer: MessageWriter;
  /** Requests begun on it. */
  uses = 0;
  /** May serve another exchange, as far as is known. */
  usable = true;
  /** Any byte came for the exchange at hand. */
  answered = false;
  readonly #onIdleEnd: (connection: UpstreamConnection) => void;
  readonly #onBug: (error: unknown) => void;
  #handler: ResponseHandler | null = null;
  #state: number = reading.head;
  #remaining = 0;
  #keepAlive = false;
  #held: Buffer | null = null;
  #chunks: ChunkReader | null = null;

  /** `onIdleEnd` is called when it ends while nobody uses it, `onBug` when a handler threw. */
  constructor(stream: ByteStream, onIdleEnd: (connection: UpstreamConnection) => void, onBug: (error: unknown) => void) {
    this.stream = stream;
    this.writer = new MessageWriter(stream);
    this.#onIdleEnd = onIdleEnd;
    this.#onBug = onBug;
    stream.readBy(this);
    stream.resume();
  }

  /** Begins an exchange. */
  use(handler: ResponseHandler): void {
    this.#handler = handler;
    this.#state = reading.head;
    this.answered = false;
    this.uses++;
  }

  bytes(bytes: Buffer, from: number, to: number): void {
    try {
      this.#read(bytes, from, to);
    } catch (error) {
      this.#bug(error);
    }
  }

  ended(): void {
    try {
      this.#ended();
    } catch (error) {
      this.#bug(error);
    }
  }

  drained(): void {
    this.writer.full = false;
    try {
      this.#handler?.upstreamDrained();
    } catch (error) {
      this.#bug(error);
    }
  }

  closed(failed: boolean): void {
    try {
      this.#lose(failed ? 'reset' : 'closed');
    } catch (error) {
      this.#bug(error);
    }
  }

  #bug(error: unknown): void {
    this.#onBug(error);
    this.#discard();
  }

  pause(): void {
    this.stream.pause();
  }

  resume(): void {
    this.stream.resume();
  }

  /** Ends the connection without telling the handler. */
  destroy(): void {
    this.#handler = null;
    this.#discard();
  }

  #discard(): void {
    this.usable = false;
    this.stream.destroy();
  }

  #read(input: Buffer, from: number, to: number): void {
    const handler = this.#handler;
    // Nobody asked: bytes on an idle connection would become the answer to somebody else's request.
    if (handler === null) {
      this.#discard();
      return;
    }
    this.answered = true;
    let bytes = input;
    let p = from;
    let limit = to;
    if (this.#held !== null) {
      bytes = Buffer.concat([this.#held, input.subarray(from, to)]);
      p = 0;
      limit = bytes.length;
      this.#held = null;
    }
    while (p < limit && this.#handler === handler) {
      switch (this.#state) {
        case reading.head: {
          const end = responseHead.read(bytes, p, limit);
          if (end < 0) {
            this.#lose('protocol');
            return;
          }
          if ((end === 0 ? limit : end) - p > maxHeadBytes) {
            this.#lose('head-too-large');
            return;
          }
          if (end === 0) {
            this.#held = kept(bytes, p, limit);
            p = limit;
            break;
          }
          p = end;
          if (!this.#beginAnswer(handler, p < limit)) return;
          break;
        }
        case reading.length: {
          const take = Math.min(this.#remaining, limit - p);
          handler.piece(bytes, p, p + take);
          p += take;
          this.#remaining -= take;
          if (this.#remaining === 0) this.#finish(p < limit);
          break;
        }
        case reading.chunks: {
          const chunks = this.#chunks as ChunkReader;
          const result = chunks.read(bytes, p, limit, handler);
          if (result < 0) {
            this.#lose('protocol');
            return;
          }
          p = chunks.position;
          if (result === chunkDone) this.#finish(p < limit);
          break;
        }
        default:
          handler.piece(bytes, p, limit);
          p = limit;
      }
    }
    if (this.#handler === handler) handler.turnEnded();
  }

  /** Acts on the head just read. Returns whether reading goes on. */
  #beginAnswer(handler: ResponseHandler, more: boolean): boolean {
    const head = responseHead;
    if (head.status === 101) {
      if (!handler.wantsTunnel) {
        this.#lose('protocol');
        return false;
      }
      this.#state = reading.tunnel;
      handler.tunnelOpened(head);
      return true;
    }
    if (head.status < 200) {
      handler.interim(head);
      return true;
    }
    this.#keepAlive = head.keepAlive;
    const length = handler.response(head);
    if (length === abandoned) return false;
    if (length === 0) {
      this.#finish(more);
      return !more;
    }
    if (length === chunkedBody) {
      this.#chunks ??= new ChunkReader();
      this.#chunks.reset(handler.dataOnly);
      this.#state = reading.chunks;
    } else if (length === untilClose) {
      this.#keepAlive = false;
      this.#state = reading.untilClose;
    } else {
      this.#remaining = length;
      this.#state = reading.length;
    }
    return true;
  }

  /** `surplus`: the server sent more than one answer; nobody may get the rest. */
  #finish(surplus: boolean): void {
    const handler = this.#handler;
    this.#handler = null;
    handler?.responseEnded(this.#keepAlive && !surplus);
  }

  #ended(): void {
    if (this.#handler !== null && (this.#state === reading.untilClose || this.#state === reading.tunnel)) {
      this.#finish(false);
      return;
    }
    this.#lose('closed');
  }

  #lose(loss: UpstreamLoss): void {
    const handler = this.#handler;
    this.#handler = null;
    this.#discard();
    if (handler === null) this.#onIdleEnd(this);
    else handler.responseLost(loss);
  }
}
