import { atTurnEnd, type TurnTask } from '../../async/turn.ts';
import type { ByteStream, StreamReader } from '../transport/byte-stream.ts';
import { ConnectionError, errorCode } from './error-code.ts';
import { FloodGuard } from './flood-guard.ts';
import { goawayFrame, maxWindow, pingFrame, rstStreamFrame, settingsAck, windowUpdateFrame } from './frame.ts';
import { FrameDispatch, type FrameEvents } from './frame-dispatch.ts';
import { FrameWriter } from './frame-writer.ts';
import { type FieldSink, HpackDecoder } from './hpack-decoder.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import type { Http2Stream } from './http2-stream.ts';
import { connectionWindow, defaultWindow, PeerSettings } from './settings.ts';

/** Paused streams may hold this much of one connection; beyond it the connection's window stays shut, and all its streams wait. */
const maxHeldBytes = 8 * 1024 * 1024;
/** Frames for a stream that we have reset may be on their way; of the others the peer is told. */
const maxResetIds = 128;

/** What a connection needs from the program. */
export interface Http2Parts {
  /** Monotonic ms. */
  readonly now: () => number;
  /** Called with what a user of a stream threw; the connection is destroyed. */
  readonly onBug: (error: unknown) => void;
}

/** What both ends of an HTTP/2 connection have in common: frames, settings, windows, and the limits of patience. @see RFC 9113 */
export abstract class Http2Connection implements StreamReader, FrameEvents, TurnTask {
  readonly writer: FrameWriter;
  readonly encoder: HpackEncoder = new HpackEncoder();
  readonly peer: PeerSettings = new PeerSettings();
  readonly guard: FloodGuard;
  /** Bytes that we may send on all streams together. */
  sendWindow = defaultWindow;
  protected readonly bytestream: ByteStream;
  protected readonly streams = new Map<number, Http2Stream>();
  protected readonly decoder: HpackDecoder = new HpackDecoder();
  protected readonly reader: FrameDispatch = new FrameDispatch(this);
  /** Highest stream that was opened. */
  protected lastId = 0;
  /** Nothing is read or written any more. */
  over = false;
  readonly #parts: Http2Parts;
  readonly #blocked = new Set<Http2Stream>();
  readonly #reset = new Set<number>();
  #waking: Http2Stream[] = [];
  readonly #later: (() => void)[] = [];
  /** Streams that got input in this turn. */
  readonly #touched = new Set<Http2Stream>();
  #receiveWindow = connectionWindow;
  #credit = 0;
  #held = 0;
  #reading = false;
  #scheduled = false;

  constructor(stream: ByteStream, parts: Http2Parts) {
    this.bytestream = stream;
    this.#parts = parts;
    this.writer = new FrameWriter(stream);
    this.guard = new FloodGuard(parts.now);
  }

  /** A complete header block. */
  abstract headers(id: number, endStream: boolean, bytes: Buffer, from: number, to: number): void;
  /** The peer will not take streams above `last`. */
  abstract goingAway(last: number, code: number): void;
  /** The peer's settings have changed. */
  protected abstract settingsChanged(): void;
  /** The peer reset a stream that was open, or made us do it. */
  protected abstract streamGivenUp(stream: Http2Stream): void;
  /** The peer has seen our PING and all before it. */
  protected abstract pingAcked(): void;
  /** A stream has ended. */
  protected abstract streamForgotten(): void;
  /** The connection is no more; all streams have been told. */
  protected abstract connectionOver(): void;
  /** All input of this turn has been read. */
  protected abstract inputRead(): void;

  /** Monotonic ms. */
  now(): number {
    return this.#parts.now();
  }

  get active(): number {
    return this.streams.size;
  }

  bytes(bytes: Buffer, from: number, to: number): void {
    if (this.over) return;
    this.#reading = true;
    this.#guarded(() => this.read(bytes, from, to));
    this.#reading = false;
    this.#turn();
  }

  /** Reads what came; the server looks for the preface first. */
  protected read(bytes: Buffer, from: number, to: number): void {
    this.reader.read(bytes, from, to);
    this.inputRead();
  }

  ended(): void {
    this.#guarded(() => this.lose(true));
  }

  drained(): void {
    this.writer.full = false;
    this.#guarded(() => {
      this.#pump();
      for (const stream of [...this.streams.values()]) {
        if (this.writer.full) break;
        stream.roomBelow();
      }
    });
    this.#turn();
  }

  closed(): void {
    this.#guarded(() => this.lose(true));
  }

  /** Ends the connection. `destroy`: at once; otherwise what was written still leaves. */
  protected lose(destroy: boolean): void {
    if (this.over) return;
    this.over = true;
    this.reader.stop();
    for (const stream of [...this.streams.values()]) {
      this.streams.delete(stream.id);
      stream.close();
      stream.lost(null, false);
    }
    this.#blocked.clear();
    this.#waking = [];
    if (destroy) this.bytestream.destroy();
    else this.bytestream.end();
    this.connectionOver();
  }

  /** Tells the peer why, and ends the connection. */
  protected fail(code: number): void {
    if (this.over) return;
    this.writer.text(goawayFrame(this.lastPeerId(), code));
    this.writer.flush();
    this.lose(false);
  }

  /** Highest stream of the peer's that was dealt with. */
  protected abstract lastPeerId(): number;

  #guarded(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (error instanceof ConnectionError) this.fail(error.code);
      else {
        this.#parts.onBug(error);
        this.#giveUp();
      }
    }
  }

  /** After a bug: whoever else is on the connection hears of its end. */
  #giveUp(): void {
    try {
      this.lose(true);
    } catch (error) {
      this.#parts.onBug(error);
      this.bytestream.destroy();
    }
  }

  /** What was written leaves when this turn is over. */
  schedule(): void {
    if (this.#scheduled || this.#reading) return;
    this.#scheduled = true;
    atTurnEnd(this);
  }

  turnEnded(): void {
    this.#scheduled = false;
    this.#turn();
  }

  #turn(): void {
    if (this.#touched.size > 0 || this.#waking.length > 0 || this.#later.length > 0) this.#guarded(() => this.#handOn());
    this.writer.flush();
  }

  #handOn(): void {
    for (const act of this.#later.splice(0)) act();
    const waking = this.#waking;
    this.#waking = [];
    for (const stream of this.#touched) stream.turnEnded();
    this.#touched.clear();
    for (const stream of waking) if (!this.over) stream.deliver();
  }

  /** Runs `act` as soon as nobody is in the middle of something. */
  later(act: () => void): void {
    this.#later.push(act);
    this.schedule();
  }

  /** Hands on what a stream held back, as soon as nobody is in the middle of something. */
  wake(stream: Http2Stream): void {
    this.#waking.push(stream);
    this.schedule();
  }

  /** The stream has data for which there is no room. */
  block(stream: Http2Stream): void {
    this.#blocked.add(stream);
  }

  /** Resets the streams whose queued data has not moved since the last call. Returns whether any stream has queued data left. */
  protected sweepStalled(): boolean {
    for (const stream of [...this.#blocked]) {
      if (stream.moved > 0) stream.moved = 0;
      else this.#break(stream, errorCode.cancel);
    }
    this.schedule();
    return this.#blocked.size > 0;
  }

  /** Queued data, a frame of each stream in turn. */
  #pump(): void {
    for (const stream of this.#blocked) {
      if (this.sendWindow <= 0 || this.writer.full) return;
      if (stream.sendWindow <= 0) continue;
      this.#blocked.delete(stream);
      stream.sendQueued();
      if (stream.queued) this.#blocked.add(stream);
    }
  }

  resetStream(id: number, code: number): void {
    if (this.over) return;
    this.#reset.add(id);
    if (this.#reset.size > maxResetIds)
      for (const oldest of this.#reset) {
        this.#reset.delete(oldest);
        break;
      }
    this.writer.text(rstStreamFrame(id, code));
    this.schedule();
  }

  /** The stream has ended both ways, or was reset. */
  forget(stream: Http2Stream): void {
    if (stream.gone) return;
    this.streams.delete(stream.id);
    this.#blocked.delete(stream);
    this.#touched.delete(stream);
    stream.close();
    this.streamForgotten();
  }

  openWindow(id: number, bytes: number): void {
    this.writer.text(windowUpdateFrame(id, bytes));
    this.schedule();
  }

  /** Paused streams hold this much more. */
  held(bytes: number): void {
    this.#held += bytes;
  }

  /** Paused streams hold this much less. */
  released(bytes: number): void {
    this.#held -= bytes;
    this.#replenish();
  }

  #replenish(): void {
    if (this.#credit < connectionWindow / 2 || this.#held > maxHeldBytes || this.over) return;
    this.#receiveWindow += this.#credit;
    this.openWindow(0, this.#credit);
    this.#credit = 0;
  }

  data(id: number, bytes: Buffer, from: number, to: number, counted: number, end: boolean): void {
    this.#receiveWindow -= counted;
    if (this.#receiveWindow < 0) throw new ConnectionError(errorCode.flowControlError, 'connection window exceeded');
    this.#credit += counted;
    this.#replenish();
    const stream = this.streams.get(id);
    if (stream === undefined || stream.remoteDone) {
      this.#closedStream(id);
      return;
    }
    stream.receiveWindow -= counted;
    if (stream.receiveWindow < 0) {
      this.#break(stream, errorCode.flowControlError);
      this.streamGivenUp(stream);
      return;
    }
    this.#touched.add(stream);
    if (to > from) stream.takeData(bytes, from, to);
    const padding = counted - (to - from);
    if (padding > 0) stream.skipped(padding);
    if (end && !stream.gone) stream.takeEnd();
  }

  /** A frame for a stream that is over, or never was. */
  #closedStream(id: number): void {
    if (this.isIdle(id)) throw new ConnectionError(errorCode.protocolError, 'frame for an idle stream');
    this.cheapFrame();
    if (!this.#reset.has(id)) this.resetStream(id, errorCode.streamClosed);
  }

  /** The stream has not been opened. */
  protected abstract isIdle(id: number): boolean;

  /** The stream got input: at the end of the turn it hears so. */
  protected touch(stream: Http2Stream): void {
    this.#touched.add(stream);
  }

  /** The stream that a later header block is for; `null` where it is over. */
  protected known(id: number): Http2Stream | null {
    const stream = this.streams.get(id);
    if (stream !== undefined && !stream.remoteDone) {
      this.#touched.add(stream);
      return stream;
    }
    this.#closedStream(id);
    return null;
  }

  /** @throws ConnectionError for a block that is not properly coded: the table is lost with it */
  protected decode(bytes: Buffer, from: number, to: number, sink: FieldSink): void {
    if (!this.decoder.decode(bytes, from, to, sink))
      throw new ConnectionError(errorCode.compressionError, 'header block is not properly coded');
  }

  cheapFrame(): void {
    if (!this.guard.cheap()) throw new ConnectionError(errorCode.enhanceYourCalm, 'too many frames that mean nothing');
  }

  streamReset(id: number, code: number): void {
    if (this.isIdle(id)) throw new ConnectionError(errorCode.protocolError, 'RST_STREAM for an idle stream');
    const stream = this.streams.get(id);
    if (stream === undefined) {
      this.cheapFrame();
      return;
    }
    this.forget(stream);
    stream.lost(code, code === errorCode.refusedStream);
    this.streamGivenUp(stream);
  }

  settings(bytes: Buffer, from: number, to: number): void {
    const before = this.peer.initialWindow;
    this.peer.read(bytes, from, to);
    this.encoder.tableSize = this.peer.headerTableSize;
    const grown = this.peer.initialWindow - before;
    if (grown !== 0)
      for (const stream of this.streams.values()) {
        stream.sendWindow += grown;
        if (stream.sendWindow > maxWindow) throw new ConnectionError(errorCode.flowControlError, 'window overflow');
      }
    this.writer.text(settingsAck);
    this.settingsChanged();
    if (grown > 0) this.#pump();
  }

  ping(ack: boolean, payload: string): void {
    if (ack) this.pingAcked();
    else this.writer.text(pingFrame(true, payload));
  }

  windowUpdate(id: number, bytes: number): void {
    if (id === 0) {
      this.sendWindow += bytes;
      if (bytes === 0) throw new ConnectionError(errorCode.protocolError, 'WINDOW_UPDATE of nothing');
      if (this.sendWindow > maxWindow) throw new ConnectionError(errorCode.flowControlError, 'connection window overflow');
    } else {
      const stream = this.streams.get(id);
      if (stream === undefined) {
        if (this.isIdle(id)) throw new ConnectionError(errorCode.protocolError, 'WINDOW_UPDATE for an idle stream');
        return;
      }
      stream.sendWindow += bytes;
      if (bytes === 0 || stream.sendWindow > maxWindow) {
        this.#break(stream, bytes === 0 ? errorCode.protocolError : errorCode.flowControlError);
        this.streamGivenUp(stream);
        return;
      }
    }
    this.#pump();
  }

  /** The peer broke a rule on one stream only. */
  #break(stream: Http2Stream, code: number): void {
    stream.reset(code);
    stream.lost(code, false);
  }
}
