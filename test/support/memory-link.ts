import type { ByteStream, StreamReader } from '../../src/proxy/transport/byte-stream.ts';

/** How a link carries bytes. */
export interface LinkOptions {
  /** Sizes of the pieces that arrive, asked for each; @default as they were written */
  readonly pieces?: () => number;
  /** Nothing moves by itself: the test calls `step`. @default false */
  readonly manual?: boolean;
}

/** One end of a connection in memory. */
export class LinkEnd implements ByteStream {
  /** Sizes of the writes, one per write or cork. */
  readonly writes: number[] = [];
  /** Writes wait here until they move. */
  readonly outbox: Buffer[] = [];
  /** Written bytes are thrown away and nothing comes: the network is gone and nobody says so. */
  silent = false;
  /** Most bytes that wait before `write` says no. */
  capacity = 64 * 1024;
  destroyed = false;
  ended = false;
  peer: LinkEnd | null = null;
  readonly #options: LinkOptions;
  #reader: StreamReader | null = null;
  #paused = true;
  #corked = 0;
  #corkedBytes = 0;
  #full = false;
  #endWanted = false;
  #endSent = false;
  #closed = false;
  #scheduled = false;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  readBy(reader: StreamReader): void {
    this.#reader = reader;
  }

  text(latin1: string): boolean {
    return this.write(Buffer.from(latin1, 'latin1'));
  }

  write(bytes: Buffer): boolean {
    if (this.destroyed || this.#endWanted) return true;
    if (this.#corked > 0) this.#corkedBytes += bytes.length;
    else this.writes.push(bytes.length);
    if (this.silent) return true;
    this.outbox.push(bytes);
    this.#schedule();
    if (this.waiting > this.capacity) this.#full = true;
    return !this.#full;
  }

  /** Bytes written that have not moved. */
  get waiting(): number {
    return this.outbox.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  cork(): void {
    this.#corked++;
  }

  uncork(): void {
    if (--this.#corked > 0) return;
    this.writes.push(this.#corkedBytes);
    this.#corkedBytes = 0;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.peer?.retry();
  }

  end(): void {
    this.#endWanted = true;
    this.#schedule();
  }

  destroy(): void {
    this.cut();
  }

  reset(): void {
    this.cut();
  }

  /** Both ends lose the connection at once; bytes on their way are lost. */
  cut(): void {
    this.#break();
    this.peer?.breakFromPeer();
  }

  /** The peer reads again. */
  retry(): void {
    this.#schedule();
  }

  breakFromPeer(): void {
    if (!this.silent) this.#break();
  }

  /** Moves up to `count` pieces to the peer. Returns whether any moved. */
  step(count = Number.POSITIVE_INFINITY): boolean {
    let moved = false;
    for (let i = 0; i < count; i++) {
      const first = this.outbox[0];
      if (first === undefined || this.peer === null || this.peer.#paused || this.peer.destroyed) break;
      const size = Math.min(first.length, this.#options.pieces?.() ?? first.length);
      if (size === first.length) this.outbox.shift();
      else this.outbox[0] = first.subarray(size);
      // Read buffers are used again after the call.
      const read = Buffer.from(first.subarray(0, size));
      this.peer.#reader?.bytes(read, 0, read.length);
      moved = true;
    }
    if (this.#full && this.outbox.length === 0) {
      this.#full = false;
      this.#reader?.drained();
    }
    if (this.#endWanted && !this.#endSent && this.outbox.length === 0 && this.peer !== null && !this.peer.destroyed) {
      this.#endSent = true;
      this.peer.ended = true;
      this.peer.#reader?.ended();
      this.#maybeDone();
      this.peer.#maybeDone();
    }
    return moved;
  }

  #maybeDone(): void {
    if (this.ended && this.#endSent) this.#close(false);
  }

  #break(): void {
    if (this.destroyed) return;
    this.outbox.length = 0;
    setImmediate(() => this.#close(true));
    this.destroyed = true;
  }

  #close(failed: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.destroyed = true;
    this.#reader?.closed(failed);
  }

  #schedule(): void {
    if (this.#options.manual === true || this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.step();
    });
  }
}

/** A connection in memory, both ends. */
export function memoryLink(options: LinkOptions = {}): readonly [LinkEnd, LinkEnd] {
  const near = new LinkEnd(options);
  const far = new LinkEnd(options);
  near.peer = far;
  far.peer = near;
  return [near, far];
}
