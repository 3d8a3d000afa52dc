import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { type Moment, Segment } from './segment.ts';

/** A segment that nothing is appended to any more: its file, deflated. Who reads it has it whole for as long as that takes. */
export class SealedSegment {
  /** Of its first moment, ms since epoch. */
  readonly startMs: number;
  /** Of its file. */
  readonly bytes: number;
  /** Of its moments, ms since epoch; the clock may have jumped between them. */
  readonly #earliestMs: number;
  readonly #latestMs: number;
  readonly #packed: Buffer;

  constructor({ startMs, bytes, times, file }: Segment) {
    this.startMs = startMs;
    this.bytes = bytes;
    this.#earliestMs = Math.min(...times);
    this.#latestMs = Math.max(...times);
    this.#packed = deflateRawSync(file, { level: 1 });
  }

  /** Its moments that end after `fromMs` and not after `toMs`. */
  *moments(fromMs: number, toMs: number): Generator<Moment, void, void> {
    if (this.#latestMs <= fromMs || this.#earliestMs > toMs) return;
    const read = Segment.read(inflateRawSync(this.#packed));
    if (read !== null) yield* read.segment.moments(fromMs, toMs);
  }
}
