import { isLent, lentBuffer } from '../read-buffer.ts';
import { frame, headerBytes, maxPayload, streamWindow } from './frame.ts';

/** Takes frames as they are read. Each method returns whether reading goes on. */
export interface FrameSink {
  /** A header that is right by itself. For `open` and `data` the payload follows by `payload`. */
  frame(type: number, id: number, value: number): boolean;
  /** A piece of the payload of the last frame; valid only during the call where it lies in the shared read buffer. */
  payload(bytes: Buffer, from: number, to: number): boolean;
  /** The bytes are no frames; nothing after them can be understood. */
  malformed(problem: string): void;
}

/**
 * Reads frames however the bytes come. A payload that lies whole in a read is handed on as it lies. One that is cut in two is put together first: its reader
 * would otherwise write it out in two, and a system call costs more than the copy.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  /** A header that came in parts. */
  readonly #header: Buffer = Buffer.alloc(headerBytes);
  #headerHas = 0;
  /** Bytes of the payload that are still to come. */
  #remaining = 0;
  /** Memory for a payload that is put together; made once it is needed. */
  #joined: Buffer | null = null;
  #joining = false;
  #joinedHas = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Reads on. */
  read(bytes: Buffer, from: number, to: number): void {
    let p = from;
    while (p < to) {
      if (this.#remaining > 0) {
        const take = Math.min(this.#remaining, to - p);
        const begin = p;
        p += take;
        this.#remaining -= take;
        if (!this.#payload(bytes, begin, p)) return;
        continue;
      }
      let at = p;
      let header = bytes;
      if (this.#headerHas === 0 && to - p >= headerBytes) p += headerBytes;
      else {
        const take = Math.min(headerBytes - this.#headerHas, to - p);
        bytes.copy(this.#header, this.#headerHas, p, p + take);
        p += take;
        this.#headerHas += take;
        if (this.#headerHas < headerBytes) return;
        this.#headerHas = 0;
        header = this.#header;
        at = 0;
      }
      if (!this.#begin(header, at, to - p)) return;
    }
  }

  #begin(header: Buffer, at: number, available: number): boolean {
    const type = header[at] as number;
    const value = ((header[at + 1] as number) << 16) | ((header[at + 2] as number) << 8) | (header[at + 3] as number);
    const id =
      (((header[at + 4] as number) << 24) |
        ((header[at + 5] as number) << 16) |
        ((header[at + 6] as number) << 8) |
        (header[at + 7] as number)) >>>
      0;
    const problem = problemOf(type, value);
    if (problem !== null) {
      this.#sink.malformed(problem);
      return false;
    }
    if (!this.#sink.frame(type, id, value)) return false;
    if (type > frame.data) return true;
    this.#remaining = value;
    if (value > available) {
      if (this.#joined === null || !isLent(this.#joined)) this.#joined = lentBuffer(maxPayload);
      this.#joining = true;
      this.#joinedHas = 0;
    }
    return true;
  }

  #payload(bytes: Buffer, from: number, to: number): boolean {
    const joined = this.#joined;
    if (!this.#joining || joined === null) return this.#sink.payload(bytes, from, to);
    bytes.copy(joined, this.#joinedHas, from, to);
    this.#joinedHas += to - from;
    if (this.#remaining > 0) return true;
    this.#joining = false;
    return this.#sink.payload(joined, 0, this.#joinedHas);
  }
}

function problemOf(type: number, value: number): string | null {
  switch (type) {
    case frame.open:
      return value > maxPayload ? 'a frame is too long' : null;
    case frame.data:
      if (value === 0) return 'a data frame is empty';
      return value > maxPayload ? 'a frame is too long' : null;
    case frame.credit:
      return value === 0 || value > streamWindow ? 'credit out of range' : null;
    default:
      if (type === 0 || type > frame.goaway) return `unknown frame type ${type}`;
      return value === 0 ? null : 'a frame without payload has a length';
  }
}
