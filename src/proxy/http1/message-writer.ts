import type { Socket } from 'node:net';
import { kept } from '../transport/read-buffer.ts';

/** Pieces up to this size are joined with the head into one string and one write; larger ones are written as they came. */
const smallBytes = 8 * 1024;
const maxTextBytes = 64 * 1024;

/**
 * Writes messages to a socket with as few writes as there are turns: heads and small pieces wait as latin1 text until `flush`. A write costs a system call
 * and, under TLS, a record; joining costs a copy of a few hundred bytes.
 */
export class MessageWriter {
  readonly #socket: Socket;
  #text = '';
  /** The socket's buffer is over its high-water mark; cleared by the owner when the socket drains. */
  full = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Latin1 text, written with the next flush. */
  text(text: string): void {
    this.#text += text;
  }

  /** Bytes `from` to `to`, in order with what was given before. */
  piece(bytes: Buffer, from: number, to: number): void {
    if (to - from <= smallBytes) {
      this.#text += bytes.toString('latin1', from, to);
      if (this.#text.length > maxTextBytes) this.flush();
      return;
    }
    const whole = kept(bytes, from, to);
    if (this.#text === '') {
      if (!this.#socket.write(whole)) this.full = true;
      return;
    }
    this.#socket.cork();
    this.#socket.write(this.#text, 'latin1');
    if (!this.#socket.write(whole)) this.full = true;
    this.#socket.uncork();
    this.#text = '';
  }

  /** Hands everything over to the socket. */
  flush(): void {
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    if (!this.#socket.write(text, 'latin1')) this.full = true;
  }
}
