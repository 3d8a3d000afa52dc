import type { Clock } from '../../async/clock.ts';

/** Bytes leave this often. */
const tickMs = 20;
/** So much waits at most (and the piece on top of it), before the sender is held back. */
const maxHeldBytes = 64 * 1024;

/** Where a throttle's bytes go. */
export interface ThrottleSink {
  /** Whether there is no room now; `Throttle.drained` tells when there is again. */
  full(): boolean;
  /** Runs a turn of the throttle. */
  turn(act: () => void): void;
  piece(bytes: Buffer, from: number, to: number): void;
  flush(): void;
  /** The throttle takes more. */
  resume(): void;
  /** Everything was handed on. */
  end(): void;
}

/** Lets bytes through at a limited rate. */
export class Throttle {
  readonly #bytesPerMs: number;
  readonly #clock: Clock;
  readonly #sink: ThrottleSink;
  #pieces: Buffer[] = [];
  #held = 0;
  #ended = false;
  #credit = 0;
  #countedAt: number;
  #cancel: (() => void) | null = null;

  constructor(bytesPerSecond: number, clock: Clock, sink: ThrottleSink) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#clock = clock;
    this.#sink = sink;
    this.#countedAt = clock.monotonic();
  }

  /** The sender is to be held back until `ThrottleSink.resume`. */
  get full(): boolean {
    return this.#held >= maxHeldBytes;
  }

  /** `piece` is not touched again. */
  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#held += piece.length;
    this.#tickLater();
  }

  /** Nothing follows. */
  end(): void {
    this.#ended = true;
    if (this.#held === 0) this.#sink.end();
  }

  /** The sink has room again. */
  drained(): void {
    if (this.#held > 0) this.#tickLater();
    else this.#sink.resume();
  }

  /** Throws away what waits. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#pieces = [];
    this.#held = 0;
  }

  #tickLater(): void {
    if (this.#cancel !== null) return;
    // Time in which nothing was to be done is not saved up.
    this.#countedAt = this.#clock.monotonic();
    this.#cancel = this.#clock.after(tickMs, () => {
      this.#cancel = null;
      this.#sink.turn(() => this.#tick());
    });
  }

  #tick(): void {
    const now = this.#clock.monotonic();
    this.#credit += (now - this.#countedAt) * this.#bytesPerMs;
    const wasFull = this.full;
    while (this.#credit >= 1 && !this.#sink.full()) {
      const piece = this.#pieces[0];
      if (piece === undefined) break;
      const take = Math.min(piece.length, Math.floor(this.#credit));
      this.#credit -= take;
      this.#held -= take;
      if (take === piece.length) this.#pieces.shift();
      else this.#pieces[0] = piece.subarray(take);
      this.#sink.piece(piece, 0, take);
    }
    this.#sink.flush();
    // A sink that is slower than the limit saves nothing up.
    if (this.#sink.full() || this.#held === 0) this.#credit = 0;
    if (this.#held === 0 && this.#ended) this.#sink.end();
    else {
      if (wasFull && !this.full) this.#sink.resume();
      if (this.#held > 0 && !this.#sink.full()) this.#tickLater();
    }
  }
}
