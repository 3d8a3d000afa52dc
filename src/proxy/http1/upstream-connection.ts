import type { OutgoingRequest, ResponseHandler, UpstreamLoss, UpstreamStream } from '../exchange/upstream-stream.ts';
import type { ByteStream, StreamReader } from '../transport/byte-stream.ts';
import { kept } from '../transport/read-buffer.ts';
import { ChunkReader, chunkDone } from './chunk-reader.ts';
import { chunkedBody, untilClose } from './framing.ts';
import { MessageWriter } from './message-writer.ts';
import { ResponseHead } from './response-head.ts';

/** Envoy's limit for response heads is 60 KiB; a larger one is answered with 502. */
const maxHeadBytes = 64 * 1024;
const reading = { head: 0, length: 1, chunks: 2, untilClose: 3, tunnel: 4 } as const;
/** One for all connections: a head is dealt with before the next one is read. */
const responseHead = new ResponseHead();

/** Where connections come from and go back to. */
export interface ConnectionPool {
  /** Request and answer were read to their ends: it may serve another exchange. */
  free(connection: UpstreamConnection): void;
  /** It has ended. Once. */
  gone(connection: UpstreamConnection): void;
  /** A handler threw; its connection is being destroyed. */
  bug(error: unknown): void;
}

/** One keep-alive connection to a server: sends requests, reads answers, one at a time. */
export class UpstreamConnection implements UpstreamStream, StreamReader {
  /** Requests begun on it. */
  uses = 0;
  /** May serve another exchange, as far as is known. */
  usable = true;
  answered = false;
  readonly #stream: ByteStream;
  readonly #writer: MessageWriter;
  readonly #pool: ConnectionPool;
  #handler: ResponseHandler | null = null;
  #state: number = reading.head;
  #remaining = 0;
  #keepAlive = false;
  /** The request at hand is not complete. */
  #sending = false;
  #toHead = false;
  #upgrade = false;
  /** Sides of the tunnel that have ended. */
  #ends = 0;
  #held: Buffer | null = null;
  #chunks: ChunkReader | null = null;

  /** `stream` is ready for writing. */
  constructor(stream: ByteStream, pool: ConnectionPool) {
    this.#stream = stream;
    this.#writer = new MessageWriter(stream);
    this.#pool = pool;
    stream.readBy(this);
    stream.resume();
  }

  get reused(): boolean {
    return this.uses > 1 || this.#stream.shared === true;
  }

  get full(): boolean {
    return this.#writer.full;
  }

  send(request: OutgoingRequest, lines: string, handler: ResponseHandler): void {
    this.#handler = handler;
    this.#state = reading.head;
    this.answered = false;
    this.uses++;
    this.#sending = true;
    this.#toHead = request.method === 'HEAD';
    this.#upgrade = request.upgrade;
    const chunked = request.body === chunkedBody;
    let head = request.head + lines;
    if (chunked) head += 'Transfer-Encoding: chunked\r\n';
    if (request.upgrade) head += 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
    this.#writer.text(`${head}\r\n`);
    this.#writer.beginBody(chunked);
  }

  piece(bytes: Buffer, from: number, to: number): void {
    this.#writer.piece(bytes, from, to);
  }

  trailers(lines: string): void {
    this.#writer.trailers(lines);
  }

  end(): void {
    this.#writer.endBody();
    this.#sending = false;
  }

  flush(): void {
    this.#writer.flush();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  endTunnel(): void {
    this.#writer.flush();
    if (++this.#ends === 2) this.#handler = null;
    this.#stream.end();
  }

  cancel(): void {
    this.#handler = null;
    this.#discard();
  }

  bytes(bytes: Buffer, from: number, to: number): void {
    try {
      this.#read(bytes, from, to);
    } catch (error) {
      this.#bug(error);
    }
  }

  ended(): void {
    this.#guard(() => this.#ended());
  }

  drained(): void {
    this.#writer.full = false;
    this.#guard(() => this.#handler?.upstreamDrained());
  }

  closed(failed: boolean): void {
    this.#guard(() => this.#lose(failed ? 'reset' : 'closed'));
    this.#pool.gone(this);
  }

  #guard(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#bug(error);
    }
  }

  #bug(error: unknown): void {
    this.#discard();
    this.#pool.bug(error);
  }

  #discard(): void {
    this.usable = false;
    this.#stream.destroy();
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
      if (!this.#upgrade) {
        this.#lose('protocol');
        return false;
      }
      this.#state = reading.tunnel;
      this.#ends = 0;
      this.#writer.beginBody(false);
      handler.tunnelOpened(head);
      return true;
    }
    if (head.status < 200) {
      handler.interim(head);
      return true;
    }
    this.#keepAlive = head.keepAlive;
    if (this.#toHead || head.status === 204 || head.status === 304) head.body = 0;
    const length = head.body;
    if (!handler.response(head)) return false;
    if (length === 0) {
      this.#finish(more);
      return !more;
    }
    if (length === chunkedBody) {
      this.#chunks ??= new ChunkReader();
      this.#chunks.reset();
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
    if (this.#keepAlive && !surplus && !this.#sending) {
      this.#stream.resume();
      this.#pool.free(this);
    } else this.#discard();
    handler?.responseEnded();
  }

  #ended(): void {
    const handler = this.#handler;
    if (handler !== null && this.#state === reading.untilClose) this.#finish(false);
    else if (handler !== null && this.#state === reading.tunnel) {
      if (++this.#ends === 2) this.#handler = null;
      handler.responseEnded();
    } else this.#lose('closed');
  }

  #lose(loss: UpstreamLoss): void {
    const handler = this.#handler;
    this.#handler = null;
    this.#discard();
    handler?.responseLost(loss);
  }
}
