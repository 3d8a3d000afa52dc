import type { ByteStream } from '../byte-stream.ts';
import { frame, headerBytes, maxPayload } from './frame.ts';

/** Memory that frames are written into, one after the other; what was handed to the connection is not touched again before it is out. */
const firstChunkBytes = 64 * 1024;
/** A turn that needs more than the chunk at hand makes the next ones larger, up to this: frames in one piece leave without another copy. */
const maxChunkBytes = 512 * 1024;
/** A chunk with less room than this is given up after a write, so that the frames of a turn lie in one piece mostly. */
const minRoom = 16 * 1024;

/** Builds the frames of one turn in one piece of memory, to leave in one write. What a stream writes several times in a row becomes one frame. */
export class FrameWriter {
  #chunk: Buffer | null = null;
  #chunkBytes = firstChunkBytes;
  #start = 0;
  #at = 0;
  /** Too little room is left. */
  #spent = false;
  /** Full chunks before the one at hand. */
  #parts: Buffer[] = [];
  #partsBytes = 0;
  /** The last frame, while more of the same stream can be added to it. */
  #lastId = -1;
  #lastAt = 0;
  #lastLength = 0;

  /** Bytes that wait for `leave`. */
  get pending(): number {
    return this.#partsBytes + this.#at - this.#start;
  }

  /** Data of stream `id` as latin1 text. `type`: `open` for the first of a stream, else `data`. */
  text(type: number, id: number, latin1: string): void {
    const length = latin1.length;
    if (length > maxPayload) {
      const bytes = Buffer.from(latin1, 'latin1');
      this.bytes(type, id, bytes, 0, length);
      return;
    }
    const chunk = this.#reserve(headerBytes + length);
    this.#frame(chunk, type, id, length);
    chunk.write(latin1, this.#at, 'latin1');
    this.#at += length;
  }

  /** Data of stream `id`, in as many frames as it needs. The bytes are copied. */
  bytes(type: number, id: number, bytes: Buffer, from: number, to: number): void {
    let kind = type;
    for (let p = from; p < to; ) {
      const room = id === this.#lastId && this.#lastLength < maxPayload ? maxPayload - this.#lastLength : maxPayload;
      const length = Math.min(to - p, room);
      const chunk = this.#reserve(headerBytes + length);
      this.#frame(chunk, kind, id, length);
      bytes.copy(chunk, this.#at, p, p + length);
      this.#at += length;
      p += length;
      kind = frame.data;
    }
  }

  /** A frame without payload. */
  control(type: number, id: number, value: number): void {
    const chunk = this.#reserve(headerBytes);
    this.#header(chunk, type, id, value);
    // An `open` without data takes the data that follows.
    if (type === frame.open) this.#extendable(id, 0);
    else this.#lastId = -1;
  }

  /** Hands everything over. Returns whether the connection takes more. */
  leave(to: ByteStream): boolean {
    const chunk = this.#chunk;
    if (chunk === null || this.pending === 0) return true;
    const last = chunk.subarray(this.#start, this.#at);
    this.#start = this.#at;
    this.#lastId = -1;
    if (chunk.length - this.#at < minRoom) this.#spent = true;
    if (this.#parts.length === 0) return to.write(last);
    const parts = this.#parts;
    this.#parts = [];
    this.#partsBytes = 0;
    to.cork();
    for (const part of parts) to.write(part);
    const more = to.write(last);
    to.uncork();
    return more;
  }

  /** Everything handed over is out: its memory may be used again. */
  reuse(): void {
    if (this.pending > 0) return;
    this.#start = 0;
    this.#at = 0;
    this.#spent = false;
  }

  #reserve(bytes: number): Buffer {
    let chunk = this.#chunk;
    if (chunk !== null && !this.#spent && chunk.length - this.#at >= bytes) return chunk;
    if (chunk !== null && this.#at > this.#start) {
      this.#parts.push(chunk.subarray(this.#start, this.#at));
      this.#partsBytes += this.#at - this.#start;
      this.#chunkBytes = Math.min(2 * this.#chunkBytes, maxChunkBytes);
    }
    chunk = Buffer.allocUnsafeSlow(this.#chunkBytes);
    this.#chunk = chunk;
    this.#spent = false;
    this.#start = 0;
    this.#at = 0;
    this.#lastId = -1;
    return chunk;
  }

  /** Begins a frame for `length` bytes, or makes the last one longer. */
  #frame(chunk: Buffer, type: number, id: number, length: number): void {
    if (id === this.#lastId && this.#lastLength + length <= maxPayload) {
      this.#lastLength += length;
      writeValue(chunk, this.#lastAt, this.#lastLength);
      return;
    }
    this.#header(chunk, type, id, length);
    this.#extendable(id, length);
  }

  #extendable(id: number, length: number): void {
    this.#lastId = id;
    this.#lastAt = this.#at - headerBytes;
    this.#lastLength = length;
  }

  #header(chunk: Buffer, type: number, id: number, value: number): void {
    const at = this.#at;
    chunk[at] = type;
    writeValue(chunk, at, value);
    chunk[at + 4] = id >>> 24;
    chunk[at + 5] = id >>> 16;
    chunk[at + 6] = id >>> 8;
    chunk[at + 7] = id;
    this.#at = at + headerBytes;
  }
}

function writeValue(chunk: Buffer, at: number, value: number): void {
  chunk[at + 1] = value >>> 16;
  chunk[at + 2] = value >>> 8;
  chunk[at + 3] = value;
}
