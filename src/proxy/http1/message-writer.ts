import type { ByteStream } from '../transport/byte-stream.ts';
import { writeFrom } from '../transport/read-buffer.ts';

/** Pieces up to this size are joined with the head into one string and one write; larger ones are written as they came. */
const smallBytes = 8 * 1024;
const maxTextBytes = 64 * 1024;

/**
 * Writes messages to a stream with as few writes as there are turns: heads and small pieces wait as latin1 text until `flush`. A write costs a system call
 * and, under TLS, a record; joining costs a copy of a few hundred bytes.
 */
export class MessageWriter {
  readonly #stream: ByteStream;
  #text = '';
  #chunked = false;
  /** The stream has enough for now; cleared by the owner when it drains. */
  full = false;

  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  /** Latin1 text, written with the next flush. */
  text(text: string): void {
    this.#text += text;
  }

  /** Pieces from here to `endBody` are a body's, in the chunked coding or as they are. */
  beginBody(chunked: boolean): void {
    this.#chunked = chunked;
  }

  /** Bytes `from` to `to`, in order with what was given before. */
  piece(bytes: Buffer, from: number, to: number): void {
    // An empty chunk would be the last one.
    if (to === from) return;
    if (!this.#chunked) this.#bytes(bytes, from, to);
    else {
      this.#text += `${(to - from).toString(16)}\r\n`;
      this.#bytes(bytes, from, to);
      this.#text += '\r\n';
    }
  }

  /** Ends the body with canonical trailer lines. They are lost where the body is not chunked: only that coding can carry them. */
  trailers(lines: string): void {
    if (this.#chunked) this.#text += `0\r\n${lines}\r\n`;
    this.#chunked = false;
  }

  /** Ends the body, unless trailers did. */
  endBody(): void {
    if (this.#chunked) this.#text += '0\r\n\r\n';
    this.#chunked = false;
  }

  /** Hands everything over to the stream. */
  flush(): void {
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    if (!this.#stream.text(text)) this.full = true;
  }

  #bytes(bytes: Buffer, from: number, to: number): void {
    if (to - from <= smallBytes) {
      this.#text += bytes.toString('latin1', from, to);
      if (this.#text.length > maxTextBytes) this.flush();
      return;
    }
    if (this.#text === '') {
      if (!writeFrom(this.#stream, bytes, from, to)) this.full = true;
      return;
    }
    const text = this.#text;
    this.#text = '';
    this.#stream.cork();
    this.#stream.text(text);
    if (!writeFrom(this.#stream, bytes, from, to)) this.full = true;
    this.#stream.uncork();
  }
}
