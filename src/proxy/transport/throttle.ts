import type { Clock } from '../../async/clock.ts';

/** Bytes leave this often. */
const tickMs = 20;
/** What leaves in two ticks waits at most (and a piece on top of it), but at least and at most this, before the sender is held back. */
const minHeldBytes = 64 * 1024;
const maxHeldBytes = 2 * 1024 * 1024;

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
  readonly #room: number;
  readonly #clock: Clock;
  readonly #sink: ThrottleSink;
  #pieces: Buffer[] = [];
  #held = 0;
  #ended = false;
  /** The sender may have been held back: by this throttle, or by the sink before it had room. */
  #blocked = false;
  #credit = 0;
  #countedAt: number;
  #cancel: (() => void) | null = null;

  constructor(bytesPerSecond: number, clock: Clock, sink: ThrottleSink) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#room = Math.min(maxHeldBytes, Math.max(minHeldBytes, 2 * tickMs * this.#bytesPerMs));
    this.#clock = clock;
    this.#sink = sink;
    this.#countedAt = clock.monotonic();
  }

  /** The sender is to be held back until `ThrottleSink.resume`. */
  get full(): boolean {
    return this.#held >= this.#room;
  }

  /** `piece` is not touched again. */
  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#held += piece.length;
    if (this.full) this.#blocked = true;
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
    if (this.#sink.full()) this.#blocked = true;
    // A sink that is slower than the limit saves nothing up.
    if (this.#sink.full() || this.#held === 0) this.#credit = 0;
    if (this.#held === 0 && this.#ended) this.#sink.end();
    else {
      if (this.#blocked && !this.full && !this.#sink.full()) {
        this.#blocked = false;
        this.#sink.resume();
      }
      if (this.#held > 0 && !this.#sink.full()) this.#tickLater();
    }
  }
}
