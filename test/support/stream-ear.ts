import type { ByteStream, StreamReader } from '../../src/proxy/transport/byte-stream.ts';

/** Reads a stream to its end and remembers everything. */
export class StreamEar implements StreamReader {
  heard = '';
  /** Resolves with the first bytes. */
  readonly first: Promise<string>;
  /** Resolves at the peer's end. */
  readonly end: Promise<void>;
  /** Resolves when the stream is gone, with whether it failed. */
  readonly gone: Promise<boolean>;
  readonly #first = Promise.withResolvers<string>();
  readonly #end = Promise.withResolvers<void>();
  readonly #gone = Promise.withResolvers<boolean>();

  constructor(stream: ByteStream) {
    this.first = this.#first.promise;
    this.end = this.#end.promise;
    this.gone = this.#gone.promise;
    stream.readBy(this);
    stream.resume();
  }

  bytes(bytes: Buffer, from: number, to: number): void {
    this.heard += bytes.toString('latin1', from, to);
    this.#first.resolve(this.heard);
  }

  ended(): void {
    this.#end.resolve();
  }

  drained(): void {}

  closed(failed: boolean): void {
    this.#gone.resolve(failed);
  }
}
