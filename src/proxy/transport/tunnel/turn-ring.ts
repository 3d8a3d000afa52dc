import type { TunnelStream } from './tunnel-stream.ts';

/** Streams that wait to send, in the order of their turns. Each sends one frame and goes to the end of the line. */
export class TurnRing {
  #first: TunnelStream | null = null;
  #last: TunnelStream | null = null;

  get empty(): boolean {
    return this.#first === null;
  }

  /** Adds a stream that is not in the line. */
  push(stream: TunnelStream): void {
    if (this.#last === null) this.#first = stream;
    else this.#last.nextInRing = stream;
    this.#last = stream;
  }

  /** Takes the stream whose turn it is. */
  shift(): TunnelStream | null {
    const first = this.#first;
    if (first === null) return null;
    this.#first = first.nextInRing;
    if (this.#first === null) this.#last = null;
    first.nextInRing = null;
    return first;
  }
}
