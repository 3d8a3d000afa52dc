import { ConnectionError, errorCode } from './error-code.ts';
import { flag, frameType, maxWindow } from './frame.ts';
import { type FrameHandler, FrameReader, unpadded } from './frame-reader.ts';
import { HeaderBlock } from './header-block.ts';

/** What frames mean, once they are known to be well-formed and in place. Bytes are valid only during the call. May throw `ConnectionError`. */
export interface FrameEvents {
  /** A complete header block. */
  headers(id: number, endStream: boolean, bytes: Buffer, from: number, to: number): void;
  /** See `FrameHandler`. */
  data(id: number, bytes: Buffer, from: number, to: number, counted: number, end: boolean): void;
  streamReset(id: number, code: number): void;
  settings(bytes: Buffer, from: number, to: number): void;
  /** `payload`: latin1 text. */
  ping(ack: boolean, payload: string): void;
  /** The peer will not take streams above `last`. */
  goingAway(last: number, code: number): void;
  /** `id` 0: the connection's window. */
  windowUpdate(id: number, bytes: number): void;
  /** A frame came that may cost us more than its sender. */
  cheapFrame(): void;
}

/** Judges frames by themselves: their length, their stream's number, their order. @see RFC 9113 §6 */
export class FrameDispatch implements FrameHandler {
  readonly #events: FrameEvents;
  readonly #reader: FrameReader = new FrameReader(this);
  readonly #block = new HeaderBlock();
  #settled = false;

  constructor(events: FrameEvents) {
    this.#events = events;
  }

  /** A frame cut in two or a header block in parts: something is missing that has to come soon. */
  get incomplete(): boolean {
    return this.#reader.waiting || this.#block.open;
  }

  /** Frames completed so far. */
  get frames(): number {
    return this.#reader.frames;
  }

  /** Nothing more is wanted, also not of the bytes at hand. */
  stop(): void {
    this.#reader.stop();
  }

  /** @throws ConnectionError for frames that break the rules, and what the events throw */
  read(bytes: Buffer, from: number, to: number): void {
    this.#reader.read(bytes, from, to);
  }

  data(id: number, bytes: Buffer, from: number, to: number, counted: number, end: boolean): void {
    if (!this.#settled || this.#block.open) throw new ConnectionError(errorCode.protocolError, 'DATA out of place');
    if (from === to && !end) this.#events.cheapFrame();
    this.#events.data(id, bytes, from, to, counted, end);
  }

  frame(type: number, flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    if (this.#block.open && (type !== frameType.continuation || id !== this.#block.id))
      throw new ConnectionError(errorCode.protocolError, 'header block interrupted');
    if (!this.#settled && type !== frameType.settings) throw new ConnectionError(errorCode.protocolError, 'SETTINGS is missing');
    const ofConnection = type === frameType.settings || type === frameType.ping || type === frameType.goaway;
    const ofStream = type <= frameType.rstStream || type === frameType.pushPromise || type === frameType.continuation;
    if ((ofConnection && id !== 0) || (ofStream && id === 0))
      throw new ConnectionError(errorCode.protocolError, `frame of type ${type} for stream ${id}`);
    switch (type) {
      case frameType.headers:
        this.#headers(flags, id, bytes, from, to);
        return;
      case frameType.continuation:
        this.#continuation(flags, id, bytes, from, to);
        return;
      case frameType.priority:
        checkLength(to - from === 5);
        checkDependency(id, bytes, from);
        break;
      case frameType.rstStream:
        checkLength(to - from === 4);
        this.#events.streamReset(id, bytes.readUInt32BE(from));
        return;
      case frameType.settings:
        this.#settings(flags, bytes, from, to);
        return;
      case frameType.pushPromise:
        throw new ConnectionError(errorCode.protocolError, 'PUSH_PROMISE was never allowed');
      case frameType.ping:
        checkLength(to - from === 8);
        this.#events.ping((flags & flag.ack) !== 0, bytes.toString('latin1', from, to));
        break;
      case frameType.goaway:
        checkLength(to - from >= 8);
        this.#events.goingAway(bytes.readUInt32BE(from) & maxWindow, bytes.readUInt32BE(from + 4));
        break;
      case frameType.windowUpdate:
        checkLength(to - from === 4);
        this.#events.windowUpdate(id, bytes.readUInt32BE(from) & maxWindow);
        break;
      default:
    }
    this.#events.cheapFrame();
  }

  #headers(flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    let [start, end] = [from, to];
    if ((flags & (flag.padded | flag.priority)) !== 0) {
      [start, end] = unpadded(flags, bytes, from, to);
      if ((flags & flag.priority) !== 0) {
        checkLength(end - start >= 5);
        checkDependency(id, bytes, start);
        start += 5;
      }
    }
    const endStream = (flags & flag.endStream) !== 0;
    if ((flags & flag.endHeaders) !== 0) this.#events.headers(id, endStream, bytes, start, end);
    else this.#block.begin(id, endStream, bytes, start, end);
  }

  #continuation(flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    if (!this.#block.open) throw new ConnectionError(errorCode.protocolError, 'CONTINUATION out of place');
    this.#block.add(bytes, from, to);
    if ((flags & flag.endHeaders) === 0) return;
    const whole = this.#block.take();
    this.#events.headers(id, this.#block.endStream, whole, 0, whole.length);
  }

  #settings(flags: number, bytes: Buffer, from: number, to: number): void {
    this.#events.cheapFrame();
    if ((flags & flag.ack) !== 0) {
      checkLength(to === from);
      if (!this.#settled) throw new ConnectionError(errorCode.protocolError, 'SETTINGS is missing');
      return;
    }
    checkLength((to - from) % 6 === 0);
    this.#settled = true;
    this.#events.settings(bytes, from, to);
  }
}

function checkLength(proper: boolean): void {
  if (!proper) throw new ConnectionError(errorCode.frameSizeError, 'frame of a wrong length');
}

/** Priorities are not used, but a stream cannot depend on itself. */
function checkDependency(id: number, bytes: Buffer, from: number): void {
  if ((bytes.readUInt32BE(from) & maxWindow) === id)
    throw new ConnectionError(errorCode.protocolError, 'stream depends on itself');
}
