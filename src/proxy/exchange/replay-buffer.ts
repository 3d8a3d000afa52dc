import { kept } from '../transport/read-buffer.ts';
import type { UpstreamStream } from './upstream-stream.ts';

/** Linkerd's limit: a larger request is not tried again. */
const maxBytes = 64 * 1024;

/** The request's body so far, kept while it may have to be sent again. */
export class ReplayBuffer {
  #pieces: Buffer[] = [];
  #bytes = 0;
  /** All of the body so far is here. */
  complete = true;
  /** Canonical lines; the empty string where there are none (yet). */
  trailers = '';

  /** The limit is reached; nothing more should be added while there is nobody to send to. */
  get full(): boolean {
    return this.#bytes > maxBytes;
  }

  /** `unsent`: the piece has not been sent to anybody, so it is kept whatever the limit says. */
  add(bytes: Buffer, from: number, to: number, unsent: boolean): void {
    if (!this.complete) return;
    this.#bytes += to - from;
    this.#pieces.push(kept(bytes, from, to));
    if (this.full && !unsent) this.#forget();
  }

  /** Writes everything; afterwards a body over the limit is forgotten. */
  send(stream: UpstreamStream): void {
    if (this.#bytes > 0) for (const piece of this.#pieces) stream.piece(piece, 0, piece.length);
    if (this.trailers !== '') stream.trailers(this.trailers);
    if (this.full) this.#forget();
  }

  clear(): void {
    this.trailers = '';
    if (this.#bytes === 0 && this.complete) return;
    this.#pieces = [];
    this.#bytes = 0;
    this.complete = true;
  }

  #forget(): void {
    this.#pieces = [];
    this.#bytes = 0;
    this.complete = false;
  }
}
