import type { ByteStream } from '../transport/byte-stream.ts';
import { writeFrom } from '../transport/read-buffer.ts';

/** Pieces up to this size are joined with what is around them; for larger ones the copy would cost more than another buffer in the write. */
export const smallBytes: number = 8 * 1024;
const maxTextBytes = 64 * 1024;

/** Gathers the frames of one turn as latin1 text, with large bodies between, and lets them leave in one write. */
export class FrameWriter {
  /** The stream below has enough for now; cleared by the owner when it drains. */
  full = false;
  readonly #stream: ByteStream;
  #text = '';
  #corked = false;

  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  /** Whether something waits for `flush`. */
  get waiting(): boolean {
    return this.#text !== '' || this.#corked;
  }

  /** Whole frames, or the head of one whose payload follows. */
  text(latin1: string): void {
    this.#text += latin1;
    if (this.#text.length > maxTextBytes) this.#hand();
  }

  /** A payload that is not small. */
  bytes(bytes: Buffer, from: number, to: number): void {
    if (!this.#corked) {
      this.#corked = true;
      this.#stream.cork();
    }
    this.#hand();
    if (!writeFrom(this.#stream, bytes, from, to)) this.full = true;
  }

  flush(): void {
    this.#hand();
    if (!this.#corked) return;
    this.#corked = false;
    this.#stream.uncork();
  }

  #hand(): void {
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    if (!this.#stream.text(text)) this.full = true;
  }
}
