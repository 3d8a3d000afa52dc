/** Memory for the first bytes that wait; every further piece is as large as all before it together, up to `maxChunkBytes`. */
const minChunkBytes = 1024;
const maxChunkBytes = 16 * 1024;

/**
 * What came for a stream that nobody reads at the moment. Bytes are copied: a slice of one byte would keep the whole read alive, and a peer that sends such
 * slices could fill the memory within its credit.
 */
export class Inbox {
  #chunks: Buffer[] = [];
  /** Bytes used of the last chunk; the others are full. */
  #used = 0;
  #bytes = 0;

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds bytes at the end. */
  push(bytes: Buffer, from: number, to: number): void {
    for (let p = from; p < to; ) {
      let last = this.#chunks.at(-1);
      if (last === undefined || this.#used === last.length) {
        last = Buffer.allocUnsafeSlow(Math.min(maxChunkBytes, Math.max(minChunkBytes, this.#bytes, to - p)));
        this.#chunks.push(last);
        this.#used = 0;
      }
      const take = Math.min(to - p, last.length - this.#used);
      bytes.copy(last, this.#used, p, p + take);
      this.#used += take;
      this.#bytes += take;
      p += take;
    }
  }

  /** Takes the first piece out; `null` when nothing waits. */
  shift(): Buffer | null {
    const first = this.#chunks.shift();
    if (first === undefined) return null;
    const length = this.#chunks.length === 0 ? this.#used : first.length;
    if (this.#chunks.length === 0) this.#used = 0;
    this.#bytes -= length;
    return first.subarray(0, length);
  }

  /** Throws everything away. */
  clear(): void {
    this.#chunks = [];
    this.#used = 0;
    this.#bytes = 0;
  }
}
