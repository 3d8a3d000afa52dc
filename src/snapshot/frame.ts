/** Frames of the control channel: 4 bytes big-endian length, then that many bytes of UTF-8 JSON. */
import { maxFrameBytes } from './channel.ts';

const headBytes = 4;

/** The peer broke the framing, or a message does not fit into a frame. The channel cannot go on after this. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
  readonly code: 'too-large' | 'not-json';

  constructor(code: FrameError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * One message as a frame.
 * @throws FrameError `too-large` when the message needs more than `limitBytes`.
 */
export function encodeFrame(message: unknown, limitBytes: number = maxFrameBytes): Buffer {
  const body = JSON.stringify(message);
  const length = Buffer.byteLength(body);
  if (length > limitBytes)
    throw new FrameError('too-large', `message of ${length} bytes, at most ${limitBytes} fit into a frame`);
  const frame = Buffer.allocUnsafe(headBytes + length);
  frame.writeUInt32BE(length, 0);
  frame.write(body, headBytes);
  return frame;
}

/** Cuts a byte stream into messages. Holds at most one unfinished frame; a length over the limit is refused before its bytes are kept. */
export class FrameReader {
  readonly #limitBytes: number;
  /** Chunks of the unfinished frame; joined once it is complete, so that a large frame in small chunks costs linear time. */
  #chunks: Buffer[] = [];
  #held = 0;
  #wanted = headBytes;
  #inBody = false;

  constructor(limitBytes: number = maxFrameBytes) {
    this.#limitBytes = limitBytes;
  }

  /**
   * Takes the next bytes and returns the messages that they complete, in order.
   * @throws FrameError; the reader must not be used after that.
   */
  push(chunk: Uint8Array): unknown[] {
    const messages: unknown[] = [];
    this.#chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    this.#held += chunk.byteLength;
    while (this.#held >= this.#wanted) {
      const bytes = this.#take();
      if (this.#inBody) {
        messages.push(parse(bytes));
        this.#wanted = headBytes;
      } else {
        this.#wanted = bytes.readUInt32BE(0);
        if (this.#wanted > this.#limitBytes)
          throw new FrameError('too-large', `frame of ${this.#wanted} bytes announced, at most ${this.#limitBytes} are read`);
      }
      this.#inBody = !this.#inBody;
    }
    return messages;
  }

  #take(): Buffer {
    const all = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks, this.#held);
    const rest = all.subarray(this.#wanted);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#held = rest.length;
    return all.subarray(0, this.#wanted);
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    // The parser's message quotes the input, which may hold anything: it is left out.
    throw new FrameError('not-json', `frame of ${bytes.length} bytes is not UTF-8 JSON`);
  }
}
