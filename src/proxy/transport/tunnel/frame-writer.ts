import type { ByteStream } from '../byte-stream.ts';
import { isLent, lentBuffer, writeFrom } from '../read-buffer.ts';
import { frame, headerBytes, maxPayload } from './frame.ts';

/** A turn that needs more makes the memory larger, up to what a tunnel lets into one turn. */
const firstBytes = 64 * 1024;
/** Memory between two turns, for all writers: most need some in the one turn and none in the next. */
const spare: Buffer[] = [];
const maxSpare = 4;

/** Builds the frames of one turn in one piece of memory, to leave in one write. What a stream writes several times in a row becomes one frame. */
export class FrameWriter {
  #memory: Buffer | null = null;
  #at = 0;
  /** The last frame, while more of the same stream can be added to it. */
  #lastId = -1;
  #lastAt = 0;
  #lastLength = 0;

  /** Bytes that wait for `leave`. */
  get pending(): number {
    return this.#at;
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

  /** Hands everything over; the connection has taken it when it returns. Returns whether it takes more. */
  leave(to: ByteStream): boolean {
    const memory = this.#memory;
    if (memory === null) return true;
    const length = this.#at;
    this.#memory = null;
    this.#at = 0;
    this.#lastId = -1;
    const more = writeFrom(to, memory, 0, length);
    if (spare.length < maxSpare && isLent(memory)) spare.push(memory);
    return more;
  }

  /** Memory with room for so many bytes more. */
  #reserve(bytes: number): Buffer {
    const memory = this.#memory ?? spare.pop() ?? lentBuffer(firstBytes);
    this.#memory = memory;
    if (memory.length - this.#at >= bytes) return memory;
    this.#memory = lentBuffer(2 * memory.length);
    memory.copy(this.#memory, 0, 0, this.#at);
    return this.#reserve(bytes);
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
