import { ConnectionError, errorCode } from './error-code.ts';
import { flag, frameType, headBytes, maxFrameBytes } from './frame.ts';

/** Takes what frames bring. Bytes are valid only during the call. May throw `ConnectionError`. */
export interface FrameHandler {
  /** A whole frame other than DATA. */
  frame(type: number, flags: number, id: number, bytes: Buffer, from: number, to: number): void;
  /** The next bytes of a DATA frame, as they arrive. `counted`: of the flow-control window, with padding. `end`: the stream's last. */
  data(id: number, bytes: Buffer, from: number, to: number, counted: number, end: boolean): void;
}

/** Splits a connection's bytes into frames. DATA is handed on as it comes, everything else as whole frames; only a frame cut by a read is copied. */
export class FrameReader {
  /** Frames completed so far. */
  frames = 0;
  readonly #handler: FrameHandler;
  readonly #head: Buffer = Buffer.alloc(headBytes);
  #headHas = 0;
  #length = 0;
  #type = 0;
  #flags = 0;
  #id = 0;
  /** Bytes of DATA that are still to come. */
  #dataLeft = 0;
  /** A frame that came in parts. */
  #whole: Buffer | null = null;
  #wholeHas = 0;
  #stopped = false;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /** In the middle of something that has to come whole before it means anything. */
  get waiting(): boolean {
    return this.#headHas > 0 || this.#whole !== null;
  }

  /** Nothing more is wanted, also not of the bytes at hand. */
  stop(): void {
    this.#stopped = true;
  }

  /** @throws ConnectionError for a frame that is too long, and what the handler throws. */
  read(bytes: Buffer, from: number, to: number): void {
    let p = from;
    while (p < to && !this.#stopped) {
      if (this.#dataLeft > 0) p = this.#readData(bytes, p, to);
      else if (this.#whole !== null) p = this.#readRest(this.#whole, bytes, p, to);
      else if (this.#headHas === 0 && to - p >= headBytes) {
        this.#parse(bytes, p);
        p = this.#begin(bytes, p + headBytes, to);
      } else {
        while (p < to && this.#headHas < headBytes) this.#head[this.#headHas++] = bytes[p++] ?? 0;
        if (this.#headHas < headBytes) return;
        this.#headHas = 0;
        this.#parse(this.#head, 0);
        p = this.#begin(bytes, p, to);
      }
    }
  }

  #parse(bytes: Buffer, p: number): void {
    this.#length = ((bytes[p] ?? 0) << 16) | ((bytes[p + 1] ?? 0) << 8) | (bytes[p + 2] ?? 0);
    this.#type = bytes[p + 3] ?? 0;
    this.#flags = bytes[p + 4] ?? 0;
    this.#id =
      (((bytes[p + 5] ?? 0) & 127) << 24) | ((bytes[p + 6] ?? 0) << 16) | ((bytes[p + 7] ?? 0) << 8) | (bytes[p + 8] ?? 0);
    if (this.#length > maxFrameBytes) throw new ConnectionError(errorCode.frameSizeError, 'frame too large');
  }

  #begin(bytes: Buffer, p: number, to: number): number {
    if (this.#type === frameType.data && this.#length > 0 && (this.#flags & flag.padded) === 0) {
      this.#dataLeft = this.#length;
      return p;
    }
    if (to - p < this.#length) {
      this.#whole = Buffer.allocUnsafe(this.#length);
      this.#wholeHas = 0;
      return p;
    }
    this.#frame(bytes, p, p + this.#length);
    return p + this.#length;
  }

  #readData(bytes: Buffer, p: number, to: number): number {
    const end = Math.min(to, p + this.#dataLeft);
    this.#dataLeft -= end - p;
    if (this.#dataLeft === 0) this.frames++;
    this.#handler.data(this.#id, bytes, p, end, end - p, this.#dataLeft === 0 && (this.#flags & flag.endStream) !== 0);
    return end;
  }

  #readRest(whole: Buffer, bytes: Buffer, p: number, to: number): number {
    const end = Math.min(to, p + this.#length - this.#wholeHas);
    bytes.copy(whole, this.#wholeHas, p, end);
    this.#wholeHas += end - p;
    if (this.#wholeHas === this.#length) {
      this.#whole = null;
      this.#frame(whole, 0, this.#length);
    }
    return end;
  }

  #frame(bytes: Buffer, from: number, to: number): void {
    this.frames++;
    if (this.#type !== frameType.data) {
      this.#handler.frame(this.#type, this.#flags, this.#id, bytes, from, to);
      return;
    }
    const [start, end] = unpadded(this.#flags, bytes, from, to);
    this.#handler.data(this.#id, bytes, start, end, to - from, (this.#flags & flag.endStream) !== 0);
  }
}

/** The payload without its padding. @throws ConnectionError where the padding is longer than the payload. */
export function unpadded(flags: number, bytes: Buffer, from: number, to: number): readonly [from: number, to: number] {
  if ((flags & flag.padded) === 0) return [from, to];
  if (from === to) throw new ConnectionError(errorCode.frameSizeError, 'no pad length');
  const end = to - (bytes[from] ?? 0);
  if (end < from + 1) throw new ConnectionError(errorCode.protocolError, 'padding longer than its frame');
  return [from + 1, end];
}
