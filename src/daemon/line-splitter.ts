/** A longer line is cut, so that output without newlines cannot fill the memory. */
const maxLineBytes = 64 * 1024;

/** Turns pieces of bytes into whole lines of text. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  #rest: Buffer = Buffer.alloc(0);

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(data: Buffer): void {
    let rest = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    for (let at = rest.indexOf(10); at >= 0; at = rest.indexOf(10)) {
      this.#emit(rest.subarray(0, at));
      rest = rest.subarray(at + 1);
    }
    for (; rest.length > maxLineBytes; rest = rest.subarray(maxLineBytes)) this.#emit(rest.subarray(0, maxLineBytes));
    this.#rest = Buffer.from(rest);
  }

  /** The last line may have no newline. */
  end(): void {
    if (this.#rest.length > 0) this.#emit(this.#rest);
    this.#rest = Buffer.alloc(0);
  }

  #emit(line: Buffer): void {
    const end = line.at(-1) === 13 ? line.length - 1 : line.length;
    this.#onLine(line.toString('utf8', 0, end));
  }
}
