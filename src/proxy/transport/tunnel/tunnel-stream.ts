import { copyToBlock, giveBack } from '../block-pool.ts';
import type { ByteStream, StreamReader } from '../byte-stream.ts';
import { isLent } from '../read-buffer.ts';
import { creditStep, frame, streamWindow, turnPayload } from './frame.ts';
import type { FrameWriter } from './frame-writer.ts';
import { Inbox } from './inbox.ts';

/** What a stream needs of the tunnel that carries it. */
export interface StreamCarrier {
  readonly writer: FrameWriter;
  /** Whether `bytes` may become frames at once: nobody waits and the turn's share is not used up. They then leave at the end of this turn. */
  admits(bytes: number): boolean;
  /** The stream is about to be announced: those that were opened before it come first, because ids only grow. */
  announcing(stream: TunnelStream): void;
  /** The stream has data and credit: it waits for its turns. */
  wantsTurns(stream: TunnelStream): void;
  /** Sends a frame without payload at the end of this turn. */
  control(type: number, id: number, value: number): void;
  /** Calls `stream.deliver` at the end of this turn. */
  later(stream: TunnelStream): void;
  /** The stream sends and takes no more frames. `strayBytes`: what the peer may still have sent before it knows. */
  forget(stream: TunnelStream, strayBytes: number): void;
}

/** Data that waits for its turn: with more, the writer is asked to stop; with `lowWater` or less it may go on. */
const highWater = 64 * 1024;
const lowWater = 16 * 1024;

/** One of many streams on a connection. Light: what waits in either direction gets memory only while it waits. */
export class TunnelStream implements ByteStream {
  readonly id: number;
  readonly shared: boolean;
  /** Belongs to `TurnRing`. */
  nextInRing: TunnelStream | null = null;
  /** Belongs to the tunnel: the stream waits for a turn. */
  inRing = false;
  readonly #carrier: StreamCarrier;
  #reader: StreamReader | null = null;
  /** Sending. */
  #opened: boolean;
  #credit = streamWindow;
  #queue: Buffer[] | null = null;
  #queueFrom = 0;
  #queued = 0;
  #full = false;
  #owesDrained = false;
  #endWanted = false;
  #endSent = false;
  /** Receiving. */
  #paused = true;
  #inbox: Inbox | null = null;
  #window = streamWindow;
  #unreturned = 0;
  #endCame = false;
  #toldEnd = false;
  /** No frames any more, in either direction. */
  #over = false;
  /** What has come and was not read will not be. */
  #cut = false;
  #toldClosed = false;
  #due = false;

  /** `opened`: the peer knows the stream, because it opened it. `shared`: the connection is not a fresh one. */
  constructor(id: number, carrier: StreamCarrier, opened: boolean, shared: boolean) {
    this.id = id;
    this.shared = shared;
    this.#carrier = carrier;
    this.#opened = opened;
  }

  get destroyed(): boolean {
    return this.#over;
  }

  get ended(): boolean {
    return this.#toldEnd;
  }

  readBy(reader: StreamReader): void {
    this.#reader = reader;
    if (this.#over || this.#endCame || this.#owesDrained || this.#inbox !== null) this.#deliverLater();
  }

  text(latin1: string): boolean {
    const length = latin1.length;
    if (!this.#goesAtOnce(length)) return this.#enqueue(Buffer.from(latin1, 'latin1'));
    this.#credit -= length;
    this.#carrier.writer.text(this.#dataType(), this.id, latin1);
    return true;
  }

  write(bytes: Buffer): boolean {
    if (!this.#goesAtOnce(bytes.length)) return this.#enqueue(bytes);
    this.#send(bytes, 0, bytes.length);
    return true;
  }

  copy(bytes: Buffer, from: number, to: number): boolean {
    if (!this.#goesAtOnce(to - from))
      return this.#enqueue(isLent(bytes) ? copyToBlock(bytes, from, to) : bytes.subarray(from, to));
    this.#send(bytes, from, to);
    return true;
  }

  /** Nothing to do: what is written in one turn leaves together anyway. */
  cork(): void {}

  uncork(): void {}

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#inbox !== null || this.#endCame) this.#deliverLater();
  }

  end(): void {
    if (this.#endWanted || this.#over) return;
    this.#endWanted = true;
    if (this.#queued === 0) this.#sendEnd();
  }

  destroy(): void {
    // What will never be sent must not look like all there was.
    this.#leave(this.#queued > 0 ? frame.reset : frame.close);
  }

  reset(): void {
    this.#leave(frame.reset);
  }

  /** Used by the tunnel: makes sure that the peer knows of the stream. */
  open(): void {
    if (this.#opened || this.#over) return;
    this.#carrier.announcing(this);
    this.#opened = true;
    this.#carrier.control(frame.open, this.id, 0);
  }

  /** Used by the tunnel: the peer announces that many bytes. Returns whether it had credit for them. */
  announced(bytes: number): boolean {
    if (this.#endCame || bytes > this.#window) return false;
    this.#window -= bytes;
    return true;
  }

  /** Used by the tunnel: announced bytes have come. */
  received(bytes: Buffer, from: number, to: number): void {
    if (this.#over) return;
    if (this.#inbox === null && !this.#paused && this.#reader !== null) {
      this.#taken(to - from);
      this.#reader.bytes(bytes, from, to);
      return;
    }
    this.#inbox ??= new Inbox();
    this.#inbox.push(bytes, from, to);
    if (!this.#paused) this.#deliverLater();
  }

  /** Used by the tunnel: the peer's reader has taken bytes. Returns whether it had that many to take. */
  credited(bytes: number): boolean {
    if (this.#credit + bytes > streamWindow) return false;
    this.#credit += bytes;
    if (this.#queued > 0) this.#carrier.wantsTurns(this);
    return true;
  }

  /** Used by the tunnel: the peer has ended its side. Returns whether it had not done so before. */
  peerEnded(): boolean {
    if (this.#endCame) return false;
    this.#endCame = true;
    if (this.#endSent) this.#finish(0);
    this.deliver();
    return true;
  }

  /** Used by the tunnel: the peer has ended its side and reads no more. What it sent is still read. */
  peerClosed(): void {
    this.#endCame = true;
    // Nobody will read what waits: that is a break.
    if (this.#queued > 0) this.#cut = true;
    this.#finish(0);
    this.deliver();
  }

  /** Used by the tunnel: the stream is broken, by the peer or with the connection. */
  broken(): void {
    this.#cut = true;
    this.#finish(0);
    this.#deliverLater();
  }

  /** Used by the tunnel: the stream's turn has come. Sends at most one frame's worth. Returns whether another turn is wanted. */
  takeTurn(): boolean {
    const queue = this.#queue;
    if (queue === null) return false;
    let left = Math.min(turnPayload, this.#credit, this.#queued);
    this.#credit -= left;
    this.#queued -= left;
    for (let first = queue[0]; first !== undefined && left > 0; first = queue[0]) {
      const from = this.#queueFrom;
      const take = Math.min(left, first.length - from);
      this.#carrier.writer.bytes(this.#dataType(), this.id, first, from, from + take);
      left -= take;
      this.#queueFrom = from + take;
      if (this.#queueFrom === first.length) {
        queue.shift();
        giveBack(first);
        this.#queueFrom = 0;
      }
    }
    if (this.#full && this.#queued <= lowWater) {
      this.#full = false;
      this.#owesDrained = true;
      this.#deliverLater();
    }
    if (this.#queued > 0) return this.#credit > 0;
    this.#queue = null;
    if (this.#endWanted) this.#sendEnd();
    return false;
  }

  /** Used by the tunnel: tells the reader what it does not know yet, as far as it wants to hear it. Not within a call of the stream's own methods. */
  deliver(): void {
    this.#due = false;
    if (this.#owesDrained && this.#reader !== null) {
      this.#owesDrained = false;
      if (!this.#over && !this.#endWanted && !this.#full) this.#reader.drained();
    }
    while (this.#inbox !== null && !this.#cut && !this.#paused && this.#reader !== null) {
      const bytes = this.#inbox.shift();
      if (bytes === null) this.#inbox = null;
      else {
        this.#taken(bytes.length);
        this.#reader.bytes(bytes, 0, bytes.length);
      }
    }
    const allRead = this.#endCame && this.#inbox === null && !this.#paused && !this.#cut;
    if (allRead && !this.#toldEnd && this.#reader !== null) {
      this.#toldEnd = true;
      this.#reader.ended();
    }
    if (this.#over && (this.#cut || this.#toldEnd) && !this.#toldClosed && this.#reader !== null) {
      this.#toldClosed = true;
      this.#inbox = null;
      this.#reader.closed(this.#cut || !this.#endSent);
    }
  }

  #goesAtOnce(bytes: number): boolean {
    return (
      this.#queued === 0 && bytes > 0 && bytes <= this.#credit && !this.#endWanted && !this.#over && this.#carrier.admits(bytes)
    );
  }

  #send(bytes: Buffer, from: number, to: number): void {
    this.#credit -= to - from;
    this.#carrier.writer.bytes(this.#dataType(), this.id, bytes, from, to);
  }

  #dataType(): number {
    if (this.#opened) return frame.data;
    this.#carrier.announcing(this);
    this.#opened = true;
    return frame.open;
  }

  #enqueue(bytes: Buffer): boolean {
    if (this.#endWanted) return true;
    if (this.#over) {
      // The peer has closed: who writes to it nevertheless learns that, as from a socket, also while paused.
      this.#cut = true;
      this.#deliverLater();
      return false;
    }
    if (bytes.length === 0) return !this.#full;
    this.#queue ??= [];
    this.#queue.push(bytes);
    this.#queued += bytes.length;
    if (this.#credit > 0) this.#carrier.wantsTurns(this);
    if (this.#queued > highWater) this.#full = true;
    return !this.#full;
  }

  #sendEnd(): void {
    if (!this.#opened) this.open();
    this.#endSent = true;
    this.#carrier.control(frame.end, this.id, 0);
    if (!this.#endCame) return;
    this.#finish(0);
    this.#deliverLater();
  }

  /** Ends the stream from our side with `type`. */
  #leave(type: number): void {
    if (this.#toldClosed) return;
    if (!this.#over) {
      if (this.#opened) this.#carrier.control(type, this.id, 0);
      this.#cut = true;
      this.#finish(this.#endCame ? 0 : this.#window);
    }
    // Over before, and its end is known: it stays the proper one it was.
    if (!this.#toldEnd) this.#cut = true;
    this.#deliverLater();
  }

  #finish(strayBytes: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#queue = null;
    this.#queued = 0;
    this.#carrier.forget(this, strayBytes);
  }

  /** The reader takes these bytes now: in time the peer may send as many again. */
  #taken(bytes: number): void {
    if (this.#endCame || this.#over) return;
    this.#unreturned += bytes;
    if (this.#unreturned < creditStep) return;
    this.#window += this.#unreturned;
    this.#carrier.control(frame.credit, this.id, this.#unreturned);
    this.#unreturned = 0;
  }

  #deliverLater(): void {
    if (this.#due) return;
    this.#due = true;
    this.#carrier.later(this);
  }
}
