/**
 * The seam between what carries bytes (a TCP or TLS socket, a stream of a tunnel) and what they mean (HTTP/1, HTTP/2, raw TCP). Both implementations pass
 * one contract suite.
 */

/** Takes what a stream brings. Calls come one at a time, never from within a call of the stream's own methods. Must not throw. */
export interface StreamReader {
  /** The next bytes, `from` to `to`; valid only during the call (see `kept`). Not called while paused. */
  bytes(bytes: Buffer, from: number, to: number): void;
  /** The peer has ended its side; bytes may still be written. At most once. */
  ended(): void;
  /** After a write that returned `false`: more may be written. A socket says so when everything before is out. */
  drained(): void;
  /** The stream is gone, both ways. Once, and nothing after it. `failed`: it did not end properly on both sides. */
  closed(failed: boolean): void;
}

/** Bytes both ways with backpressure and half-close. Begins paused. */
export interface ByteStream {
  /** Gone, or going: writes are thrown away. */
  readonly destroyed: boolean;
  /** It was opened over a connection that was there before, which may have been lost unnoticed. @default false */
  readonly shared?: boolean;
  /** The peer has ended its side and everything it sent has been read. */
  readonly ended: boolean;
  /** From now on bytes and events go to `reader`; whoever had them before hears nothing more. What happened while nobody read is told after this call. */
  readBy(reader: StreamReader): void;
  /** Latin1 text. Returns whether more may be written now. */
  text(latin1: string): boolean;
  /** Bytes that the writer does not touch again. Returns whether more may be written now. */
  write(bytes: Buffer): boolean;
  /** Bytes that are valid only during the call, for streams that copy what is written anyway; elsewhere `write` gets them kept. */
  copy?(bytes: Buffer, from: number, to: number): boolean;
  /** Writes between `cork` and `uncork` leave together. */
  cork(): void;
  uncork(): void;
  /** No `bytes` until `resume`: the peer is held back. */
  pause(): void;
  resume(): void;
  /** Ends our side after what was written. */
  end(): void;
  /** Ends both sides now; a peer may take it for a proper end. Never throws. */
  destroy(): void;
  /** Ends both sides so that the peer sees that something is missing (RST). Never throws. */
  reset(): void;
}
