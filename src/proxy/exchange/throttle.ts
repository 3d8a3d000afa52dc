import type { Clock } from '../../async/clock.ts';

/** Bytes leave this often. */
const tickMs = 20;
/** So much waits at most (and the piece on top of it), before the server is held back. */
const maxHeldBytes = 64 * 1024;

/** Where a throttle's bytes go. */
export interface ThrottleSink {
  readonly client: { readonly full: boolean; trailers(lines: string): void; flush(): void };
  guard(act: () => void): void;
  sendPiece(bytes: Buffer, from: number, to: number): void;
  /** There is room for more. */
  resumeServer(): void;
  /** Everything was sent, trailers too. */
  endAnswer(): void;
}

/** Lets an answer through at a limited rate. */
export class Throttle {
  /** Sent after the last piece. */
  trailers = '';
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

  /** The server is to be held back until `resumeServer`. */
  get full(): boolean {
    return this.#held >= maxHeldBytes;
  }

  add(piece: Buffer): void {
    if (this.#held === 0) this.#countedAt = this.#clock.monotonic();
    this.#pieces.push(piece);
    this.#held += piece.length;
    this.#tickLater();
  }

  /** Nothing follows. */
  end(): void {
    this.#ended = true;
    if (this.#held === 0) this.#finish();
  }

  clientDrained(): void {
    if (this.#held > 0) this.#tickLater();
    else this.#sink.resumeServer();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#pieces = [];
    this.#held = 0;
  }

  #tickLater(): void {
    this.#cancel ??= this.#clock.after(tickMs, () => {
      this.#cancel = null;
      this.#sink.guard(() => this.#tick());
    });
  }

  #tick(): void {
    const now = this.#clock.monotonic();
    this.#credit += (now - this.#countedAt) * this.#bytesPerMs;
    this.#countedAt = now;
    const wasFull = this.full;
    while (this.#credit >= 1 && !this.#sink.client.full) {
      const piece = this.#pieces[0];
      if (piece === undefined) break;
      const take = Math.min(piece.length, Math.floor(this.#credit));
      this.#sink.sendPiece(piece, 0, take);
      this.#credit -= take;
      this.#held -= take;
      if (take === piece.length) this.#pieces.shift();
      else this.#pieces[0] = piece.subarray(take);
    }
    this.#sink.client.flush();
    // A client that is slower than the limit saves nothing up.
    if (this.#sink.client.full || this.#held === 0) this.#credit = 0;
    if (this.#held === 0 && this.#ended) this.#finish();
    else {
      if (wasFull && !this.full) this.#sink.resumeServer();
      if (this.#held > 0) this.#tickLater();
    }
  }

  #finish(): void {
    if (this.trailers !== '') this.#sink.client.trailers(this.trailers);
    this.#sink.endAnswer();
  }
}
