import { Deadline, type DeadlineList } from '../../../async/deadline.ts';
import { atTurnEnd, type TurnTask } from '../../../async/turn.ts';
import type { ByteStream, StreamReader } from '../byte-stream.ts';
import { frame, maxStreams, streamWindow } from './frame.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import { type StreamCarrier, TunnelStream } from './tunnel-stream.ts';
import { TurnRing } from './turn-ring.ts';

/** Who owns a tunnel. Calls come within the connection's own events or at the end of a turn. */
export interface TunnelOwner {
  /** Takes the streams that the peer opens. The side without it connected, and opens them. */
  readonly opened?: (stream: ByteStream) => void;
  /** The connection is gone, once. `problem`: what was wrong, `''` when all was proper. */
  readonly closed: (problem: string) => void;
}

/** How long a tunnel waits for what. */
export interface TunnelTimes {
  /** After this time of silence the peer is asked whether it lives, after as much again it is gone. */
  readonly pings: DeadlineList;
  /** A tunnel without streams drains after this time; one that is not gone after as much again is ended. */
  readonly idle: DeadlineList;
}

/** Frames of one turn while nobody waits. What is more waits until the connection has taken them, and streams take turns from there. */
const directBytes = 256 * 1024;
/** Frames of one write once streams take turns: a small message waits behind this much at most before its turn. */
const burstBytes = 64 * 1024;
/** Answers to a peer that sends but does not read. */
const maxUnreadBytes = 64 * 1024;
/** Ids end where a signed number would; nobody gets there in years. */
const lastId = 0x7fffffff;
/** Frames on their way when a stream ends: credit, end and reset. */
const strayFrames = 8;
/** Streams opened and broken again within one turn, per turn. Nobody needs that; each costs more to serve than to send. */
const maxRapidResets = 64;

/**
 * One connection that carries many streams. All frames of a turn of the event loop leave in one write, so that a hundred requests cost one system call and a few
 * TLS records. The side that connected opens streams, the side that accepted takes them. A peer that does not keep to the protocol loses the
 * connection, and every stream on it hears that it is broken.
 */
export class Tunnel implements StreamReader, FrameSink, StreamCarrier, TurnTask {
  readonly writer = new FrameWriter();
  readonly #connection: ByteStream;
  readonly #owner: TunnelOwner;
  readonly #times: TunnelTimes;
  readonly #alive = new Deadline(() => this.#checkAlive());
  readonly #idle = new Deadline(() => this.#idled());
  readonly #frames = new FrameReader(this);
  readonly #tick = (): void => this.turnEnded();
  readonly #streams = new Map<number, TunnelStream>();
  readonly #ring = new TurnRing();
  #late: TunnelStream[] = [];
  #spareLate: TunnelStream[] = [];
  #opening: TunnelStream[] = [];
  /** How many of them are announced, or were given up before. */
  #announced = 0;
  /** The newest stream. */
  #newest = 0;
  #newestBefore = 0;
  #incoming: TunnelStream | null = null;
  #scheduled = false;
  #full = false;
  #gone = false;
  #goawaySent = false;
  #goawayCame = false;
  /** Our side of the connection has ended. */
  #ending = false;
  #heard = true;
  #asked = false;
  #pong: number | null = null;
  #strayBytes = 0;
  #strayFrames = 0;
  #rapidResets = 0;

  /** `connection` is the tunnel's own from now on. */
  constructor(connection: ByteStream, owner: TunnelOwner, times: TunnelTimes) {
    this.#connection = connection;
    this.#owner = owner;
    this.#times = times;
    times.pings.arm(this.#alive);
    times.idle.arm(this.#idle);
    connection.readBy(this);
    connection.resume();
  }

  /** Streams in use. */
  get streams(): number {
    return this.#streams.size;
  }

  /** Whether `open` may be called. */
  get usable(): boolean {
    return !this.#gone && !this.#goawaySent && !this.#goawayCame && !this.#ending && this.#newest < lastId;
  }

  /** Opens a stream. It leaves with its first bytes at the end of this turn, and nobody answers that. `shared`: see `ByteStream`. */
  open(shared = true): ByteStream {
    const stream = new TunnelStream(++this.#newest, this, false, shared);
    this.#add(stream);
    this.#opening.push(stream);
    this.#schedule();
    return stream;
  }

  /** No new streams; the connection ends after the last one. */
  drain(): void {
    if (this.#gone || this.#goawaySent) return;
    this.#goawaySent = true;
    // Announced before the promise that there will be no more.
    this.#announce();
    this.control(frame.goaway, 0, 0);
  }

  /** Ends the connection now; its streams break. */
  destroy(): void {
    this.#lose('');
  }

  bytes(bytes: Buffer, from: number, to: number): void {
    this.#heard = true;
    this.#frames.read(bytes, from, to);
  }

  ended(): void {
    if (this.#streams.size > 0) this.#lose('the connection ended before its streams');
    else this.#end();
  }

  drained(): void {
    if (this.#gone) return;
    this.#full = false;
    this.#flush();
    this.#endWhenDone();
  }

  closed(failed: boolean): void {
    this.#lose(failed || this.#streams.size > 0 ? 'the connection was lost' : '');
  }

  frame(type: number, id: number, value: number): boolean {
    switch (type) {
      case frame.open:
        return this.#peerOpened(id, value);
      case frame.ping:
        this.#pong = id;
        this.#schedule();
        return true;
      case frame.pong:
        return true;
      case frame.goaway:
        return this.#peerDrains();
    }
    const stream = this.#streams.get(id);
    this.#incoming = stream ?? null;
    if (stream === undefined) return this.#stray(type, id, value);
    switch (type) {
      case frame.data:
        return stream.announced(value) || this.#broken('data beyond credit or end');
      case frame.end:
        return stream.peerEnded() ? !this.#gone : this.#broken('a stream ended twice');
      case frame.close:
        stream.peerClosed();
        return !this.#gone;
      case frame.credit:
        return stream.credited(value) || this.#broken('more credit than data');
      default:
        if (id > this.#newestBefore && ++this.#rapidResets > maxRapidResets)
          return this.#broken('streams are opened only to be broken');
        stream.broken();
        return true;
    }
  }

  payload(bytes: Buffer, from: number, to: number): boolean {
    this.#incoming?.received(bytes, from, to);
    return !this.#gone;
  }

  malformed(problem: string): void {
    this.#lose(problem);
  }

  admits(bytes: number): boolean {
    if (this.#full || !this.#ring.empty || this.#gone || this.writer.pending + bytes > directBytes) return false;
    this.#schedule();
    return true;
  }

  announcing({ id }: TunnelStream): void {
    for (;;) {
      const next = this.#opening[this.#announced];
      if (next === undefined || next.id >= id) return;
      this.#announced++;
      next.open();
    }
  }

  wantsTurns(stream: TunnelStream): void {
    if (stream.inRing || this.#gone) return;
    stream.inRing = true;
    this.#ring.push(stream);
    this.#schedule();
  }

  control(type: number, id: number, value: number): void {
    if (this.#gone) return;
    this.writer.control(type, id, value);
    this.#schedule();
  }

  later(stream: TunnelStream): void {
    this.#late.push(stream);
    this.#schedule();
  }

  forget(stream: TunnelStream, strayBytes: number): void {
    if (!this.#streams.delete(stream.id) || this.#gone) return;
    this.#strayBytes = Math.min(this.#strayBytes + strayBytes, maxStreams * streamWindow);
    this.#strayFrames = Math.min(this.#strayFrames + strayFrames, maxStreams * strayFrames);
    this.#schedule();
    if (this.#streams.size === 0) this.#times.idle.arm(this.#idle);
  }

  turnEnded(): void {
    this.#newestBefore = this.#newest;
    this.#rapidResets = 0;
    this.#deliver();
    if (this.#gone) {
      this.#scheduled = false;
      if (this.#late.length > 0) this.#schedule();
      return;
    }
    this.#announce();
    if (this.#pong !== null) this.writer.control(frame.pong, this.#pong, 0);
    this.#pong = null;
    if (!this.#full) this.#flush();
    else if (this.writer.pending > directBytes + maxUnreadBytes) this.#lose('the peer does not read');
    this.#endWhenDone();
    this.#scheduled = false;
    if (this.#late.length > 0 || this.#opening.length > 0 || (!this.#full && this.writer.pending > 0)) this.#schedule();
  }

  #announce(): void {
    for (const stream of this.#opening) stream.open();
    this.#opening.length = 0;
    this.#announced = 0;
  }

  #deliver(): void {
    const late = this.#late;
    this.#late = this.#spareLate;
    for (const stream of late) stream.deliver();
    late.length = 0;
    this.#spareLate = late;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // A lone stream has nobody to wait for.
    if (this.#streams.size === 1) process.nextTick(this.#tick);
    else atTurnEnd(this);
  }

  /** Sends what there is, in turns once it is more than a burst, as long as the connection takes it. */
  #flush(): void {
    do {
      while (this.writer.pending < burstBytes) {
        const stream = this.#ring.shift();
        if (stream === null) break;
        stream.inRing = false;
        if (stream.takeTurn()) this.wantsTurns(stream);
      }
      this.#full = !this.writer.leave(this.#connection);
    } while (!this.#full && !this.#ring.empty && !this.#gone);
  }

  #peerOpened(id: number, value: number): boolean {
    const { opened } = this.#owner;
    if (opened === undefined || id <= this.#newest || id > lastId) return this.#broken('a stream with a wrong id');
    if (this.#goawayCame) return this.#broken('a stream after the last one');
    if (this.#streams.size >= maxStreams) return this.#broken('too many streams');
    this.#newest = id;
    const stream = new TunnelStream(id, this, true, true);
    this.#add(stream);
    this.#incoming = stream;
    stream.announced(value);
    opened(stream);
    return !this.#gone;
  }

  #peerDrains(): boolean {
    if (this.#goawayCame) return this.#broken('drained twice');
    this.#goawayCame = true;
    this.#schedule();
    // The promise that the server waits for.
    if (this.#owner.opened === undefined) this.drain();
    return !this.#gone;
  }

  /** Frames for a stream that is over may have crossed its end, as many as its credit allowed. */
  #stray(type: number, id: number, value: number): boolean {
    if (id > this.#newest || id === 0) return this.#broken('a frame for a stream that never was');
    if (type === frame.data) this.#strayBytes -= value;
    else this.#strayFrames--;
    return (this.#strayBytes >= 0 && this.#strayFrames >= 0) || this.#broken('frames for streams that are over');
  }

  /** The client ends a drained connection: it alone knows that no stream is on its way. */
  #endWhenDone(): void {
    if (this.#gone || this.#owner.opened !== undefined || !this.#goawaySent || this.#streams.size > 0 || this.writer.pending > 0)
      return;
    this.#end();
  }

  #end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#connection.end();
  }

  #add(stream: TunnelStream): void {
    if (this.#streams.size === 0) this.#idle.disarm();
    this.#streams.set(stream.id, stream);
  }

  #idled(): void {
    if (this.#goawaySent) {
      this.#lose('');
      return;
    }
    this.drain();
    this.#times.idle.arm(this.#idle);
  }

  #checkAlive(): void {
    if (!this.#heard && this.#asked) {
      this.#lose('the peer does not answer');
      return;
    }
    this.#asked = !this.#heard;
    if (this.#asked) this.control(frame.ping, 0, 0);
    this.#heard = false;
    this.#times.pings.arm(this.#alive);
  }

  #broken(problem: string): false {
    this.#lose(problem);
    return false;
  }

  #lose(problem: string): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#alive.disarm();
    this.#idle.disarm();
    for (const stream of this.#streams.values()) stream.broken();
    this.#connection.destroy();
    this.#owner.closed(problem);
  }
}
