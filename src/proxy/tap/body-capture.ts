import type { TappedBody } from '../../snapshot/tap.ts';

/** Keeps the beginning of a body. */
export class BodyCapture {
  readonly #limit: number;
  readonly #pieces: Buffer[] = [];
  #kept = 0;
  #cut = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The next piece; what is kept of it is copied. */
  add(bytes: Buffer, from: number, to: number): void {
    const end = Math.min(to, from + this.#limit - this.#kept);
    if (end < to) this.#cut = true;
    if (end <= from) return;
    this.#pieces.push(Buffer.from(bytes.subarray(from, end)));
    this.#kept += end - from;
  }

  /** Its beginning, at most `limit` bytes of it. */
  read(limit: number): TappedBody {
    const bytes = Buffer.concat(this.#pieces);
    return { base64: bytes.subarray(0, limit).toString('base64'), cut: this.#cut || bytes.length > limit };
  }
}
