import { kept } from '../transport/read-buffer.ts';
import { errorCode } from './error-code.ts';
import { flag, frameHead, frameType, headersFrames } from './frame.ts';
import { smallBytes } from './frame-writer.ts';
import type { Http2Connection } from './http2-connection.ts';
import { streamWindow } from './settings.ts';

/** What both ends' streams have in common: data both ways under flow control, trailers, and the end of each side. */
export abstract class Http2Stream {
  id = 0;
  /** Bytes that we may send. */
  sendWindow = 0;
  /** Bytes that the peer may send. */
  receiveWindow = 0;
  /** END_STREAM went out. */
  localDone = false;
  /** END_STREAM came, though maybe what came before it still waits here. */
  remoteDone = false;
  /** Its connection does not know it any more: nothing is sent. */
  gone = true;
  /** Monotonic ms. */
  openedAt = 0;
  /** Bytes sent since the last look at stalled streams. */
  moved = 0;
  protected readonly connection: Http2Connection;
  /** Data for which there is no window or no room below. */
  #queue: Buffer[] | null = null;
  #queued = 0;
  /** The last small piece, held back until it is known whether it is the last one at all: then it carries END_STREAM. */
  #tail = '';
  #trailers = '';
  #ending = false;
  #paused = false;
  /** What came while paused. */
  #held: Buffer[] | null = null;
  #heldBytes = 0;
  #heldTrailers = '';
  #heldEnd = false;
  /** Bytes handed on for which the peer has no new window yet. */
  #credit = 0;

  constructor(connection: Http2Connection) {
    this.connection = connection;
  }

  /** The peer's data, in order; a call may pause the stream. */
  protected abstract received(bytes: Buffer, from: number, to: number): void;
  protected abstract receivedTrailers(lines: string): void;
  protected abstract receivedEnd(): void;
  /** What was queued is out. */
  protected abstract drained(): void;
  /** END_STREAM is out. */
  protected abstract sentEnd(): void;
  /** All of the connection's input of this turn has been handed on. */
  abstract turnEnded(): void;
  /** The stream ended before its time. `code`: the peer's, or `null` when the connection went. `untouched`: the peer did nothing about it. */
  abstract lost(code: number | null, untouched: boolean): void;
  /** The peer's data or its end broke the rules of the message: we reset the stream. */
  abstract broke(): void;

  get full(): boolean {
    return this.#queued > 0 || this.connection.writer.full;
  }

  get queued(): boolean {
    return this.#queued > 0;
  }

  /** Begins a new life. */
  protected open(id: number): void {
    this.id = id;
    this.openedAt = this.connection.now();
    this.sendWindow = this.connection.peer.initialWindow;
    this.receiveWindow = streamWindow;
    this.localDone = false;
    this.remoteDone = false;
    this.gone = false;
    this.moved = 0;
    this.#ending = false;
    this.#paused = false;
    this.#credit = 0;
    this.#tail = '';
    this.#trailers = '';
  }

  /** The connection forgets it: nothing waits any more. */
  close(): void {
    this.gone = true;
    this.#queue = null;
    this.#queued = 0;
    this.#tail = '';
  }

  /** What still waits here is not wanted. */
  protected discard(): void {
    if (this.#held !== null) {
      this.connection.released(this.#heldBytes);
      this.#held = null;
      this.#heldBytes = 0;
    }
    this.#heldTrailers = '';
    this.#heldEnd = false;
  }

  /** A HEADERS frame of ours. */
  protected sendHeaders(block: string, endStream: boolean): void {
    this.connection.guard.earn();
    this.connection.writer.text(headersFrames(this.id, block, endStream, this.connection.peer.maxFrame));
    if (endStream) this.#localEnd();
    else this.connection.schedule();
  }

  piece(bytes: Buffer, from: number, to: number): void {
    if (this.gone || this.localDone || this.#ending) return;
    const sent = this.#queued === 0 && !this.connection.writer.full ? this.#put(bytes, from, to) : from;
    if (sent === to) return;
    this.#queue ??= [];
    this.#queue.push(kept(bytes, sent, to));
    this.#queued += to - sent;
    this.connection.block(this);
  }

  trailers(lines: string): void {
    this.#trailers = lines;
  }

  end(): void {
    if (this.gone || this.localDone || this.#ending) return;
    this.#ending = true;
    if (this.#queued === 0) this.#finish();
  }

  flush(): void {
    if (this.gone) return;
    this.#putTail();
    this.connection.schedule();
  }

  /** Sends a frame of what is queued. */
  sendQueued(): void {
    const queue = this.#queue;
    const piece = queue?.[0];
    if (queue === null || piece === undefined) return;
    const sent = this.#put(piece, 0, Math.min(piece.length, this.connection.peer.maxFrame));
    this.#queued -= sent;
    if (sent === piece.length) queue.shift();
    else queue[0] = piece.subarray(sent);
    if (this.#queued > 0) this.#putTail();
    else if (this.#ending) this.#finish();
    else {
      this.#putTail();
      this.drained();
    }
  }

  /** The stream below takes bytes again. */
  roomBelow(): void {
    if (this.#queued === 0 && !this.localDone) this.drained();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#heldBytes > 0 || this.#heldTrailers !== '' || this.#heldEnd) this.connection.wake(this);
  }

  /** The peer's data. */
  takeData(bytes: Buffer, from: number, to: number): void {
    if (this.#paused || this.#heldBytes > 0) {
      this.#held ??= [];
      this.#held.push(kept(bytes, from, to));
      this.#heldBytes += to - from;
      this.connection.held(to - from);
    } else {
      this.received(bytes, from, to);
      this.#consumed(to - from);
    }
  }

  /** The peer's trailers; the end follows. */
  takeTrailers(lines: string): void {
    this.#heldTrailers = lines;
  }

  /** The peer's END_STREAM. */
  takeEnd(): void {
    this.remoteDone = true;
    this.#heldEnd = true;
    if (!this.#paused && this.#heldBytes === 0) this.#deliverEnd();
  }

  /** Hands on what was held back, until paused again. */
  deliver(): void {
    while (!this.#paused) {
      const piece = this.#held?.shift();
      if (piece === undefined) break;
      this.#heldBytes -= piece.length;
      this.connection.released(piece.length);
      this.received(piece, 0, piece.length);
      this.#consumed(piece.length);
    }
    if (!this.#paused && this.#heldBytes === 0) this.#deliverEnd();
    this.turnEnded();
  }

  /** Padding is window that nobody reads. */
  skipped(bytes: number): void {
    this.#consumed(bytes);
  }

  #deliverEnd(): void {
    if (!this.#heldEnd) return;
    this.#heldEnd = false;
    const lines = this.#heldTrailers;
    this.#heldTrailers = '';
    if (lines !== '') this.receivedTrailers(lines);
    this.receivedEnd();
  }

  #consumed(bytes: number): void {
    this.#credit += bytes;
    if (this.#credit < streamWindow / 2 || this.remoteDone || this.gone) return;
    this.receiveWindow += this.#credit;
    this.connection.openWindow(this.id, this.#credit);
    this.#credit = 0;
  }

  /** Sends as much as the windows allow and returns the position after it. */
  #put(bytes: Buffer, from: number, to: number): number {
    const { connection } = this;
    let p = from;
    while (p < to) {
      const room = Math.min(this.sendWindow, connection.sendWindow, connection.peer.maxFrame, to - p);
      if (room <= 0) break;
      this.sendWindow -= room;
      connection.sendWindow -= room;
      this.moved += room;
      connection.guard.earn();
      this.#putTail();
      if (room <= smallBytes) this.#tail = bytes.toString('latin1', p, p + room);
      else {
        connection.writer.text(frameHead(room, frameType.data, 0, this.id));
        connection.writer.bytes(bytes, p, p + room);
      }
      p += room;
    }
    return p;
  }

  #putTail(): void {
    if (this.#tail === '') return;
    this.connection.writer.text(frameHead(this.#tail.length, frameType.data, 0, this.id) + this.#tail);
    this.#tail = '';
  }

  #finish(): void {
    if (this.#trailers === '') {
      this.connection.writer.text(frameHead(this.#tail.length, frameType.data, flag.endStream, this.id) + this.#tail);
      this.#tail = '';
      this.#localEnd();
    } else {
      this.#putTail();
      const { encoder } = this.connection;
      this.sendHeaders(encoder.begin() + encoder.lines(this.#trailers, 0), true);
    }
  }

  #localEnd(): void {
    this.localDone = true;
    this.connection.schedule();
    this.sentEnd();
  }

  /** Ends the stream with RST_STREAM, at once. Nothing more is heard of it. */
  reset(code: number = errorCode.cancel): void {
    if (this.gone) return;
    this.connection.resetStream(this.id, code);
    this.connection.forget(this);
  }
}
