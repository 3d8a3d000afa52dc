import type { Clock } from '../../async/clock.ts';
import type { ByteStream, StreamReader } from './byte-stream.ts';
import { kept } from './read-buffer.ts';
import { Throttle } from './throttle.ts';

/** A stream that is read at a limited rate; what is written to it passes as it is. */
export class ThrottledStream implements ByteStream {
  readonly #inner: ByteStream;
  readonly #throttle: Throttle;
  #reader: StreamReader | null = null;
  #paused = true;
  #ended = false;
  #closed = false;
  readonly #source: StreamReader = {
    bytes: (bytes, from, to) => {
      this.#throttle.add(kept(bytes, from, to));
      if (this.#throttle.full) this.#inner.pause();
    },
    ended: () => this.#throttle.end(),
    drained: () => this.#reader?.drained(),
    closed: failed => {
      this.#closed = true;
      // What waits is still handed on after a proper end.
      if (!failed && !this.#ended) return;
      this.#throttle.stop();
      this.#reader?.closed(failed);
    },
  };

  constructor(inner: ByteStream, bytesPerSecond: number, clock: Clock) {
    this.#inner = inner;
    this.#throttle = new Throttle(bytesPerSecond, clock, {
      full: () => this.#paused,
      turn: act => act(),
      piece: (bytes, from, to) => this.#reader?.bytes(bytes, from, to),
      flush: () => {},
      resume: () => inner.resume(),
      end: () => {
        this.#ended = true;
        this.#reader?.ended();
        if (this.#closed) this.#reader?.closed(false);
      },
    });
  }

  get destroyed(): boolean {
    return this.#inner.destroyed;
  }

  get ended(): boolean {
    return this.#ended;
  }

  readBy(reader: StreamReader): void {
    this.#reader = reader;
    this.#inner.readBy(this.#source);
  }

  text(latin1: string): boolean {
    return this.#inner.text(latin1);
  }

  write(bytes: Buffer): boolean {
    return this.#inner.write(bytes);
  }

  cork(): void {
    this.#inner.cork();
  }

  uncork(): void {
    this.#inner.uncork();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#throttle.drained();
  }

  end(): void {
    this.#inner.end();
  }

  destroy(): void {
    this.#inner.destroy();
  }

  reset(): void {
    this.#inner.reset();
  }
}
