import type { ByteStream } from '../transport/byte-stream.ts';
import { ClientStream } from './client-stream.ts';
import { ConnectionError, errorCode } from './error-code.ts';
import { maxWindow, pingFrame, settingsFrame, windowUpdateFrame } from './frame.ts';
import { Http2Connection, type Http2Parts } from './http2-connection.ts';
import { ResponseFields } from './response-fields.ts';
import { preface } from './server-connection.ts';
import { connectionWindow, defaultWindow, maxHeaderListBytes, setting, streamWindow } from './settings.ts';
import { TrailerFields } from './trailer-fields.ts';

const greeting: string =
  preface.toString('latin1') +
  settingsFrame([
    [setting.enablePush, 0],
    [setting.initialWindowSize, streamWindow],
    [setting.maxHeaderListSize, maxHeaderListBytes],
  ]) +
  windowUpdateFrame(0, connectionWindow - defaultWindow);

/** One for all connections: a block is dealt with before the next one is read. */
const responseFields = new ResponseFields();
const trailerFields = new TrailerFields();

/** What the owner of a connection, its pool, hears of it. */
export interface ClientConnectionOwner {
  /** The last stream has ended. */
  idle(connection: ClientConnection): void;
  /** A stream has ended: there may be room for another. */
  freed(connection: ClientConnection): void;
  /** It is gone. */
  closed(connection: ClientConnection): void;
}

/** One HTTP/2 connection to a server, with a stream for each request. */
export class ClientConnection extends Http2Connection {
  readonly scheme: 'http' | 'https';
  readonly #owner: ClientConnectionOwner;
  #nextId = 1;
  /** Streams given out. */
  uses = 0;
  /** No more streams are given out. */
  #leaving = false;
  /** The server takes no more streams, also not those given out. */
  #refusing = false;
  /** Something came since the last look, or the answer to our PING is outstanding. */
  #heard = true;
  #asked = false;
  #settled = false;
  /** The server answered our preface in HTTP/1. */
  answeredHttp1 = false;
  /** Streams given out that have not been begun. */
  #promised = 0;
  #waiting: ((settled: boolean) => void)[] = [];

  /** `stream`: ready for writing, paused. `scheme`: what requests say they came by. */
  constructor(stream: ByteStream, scheme: 'http' | 'https', parts: Http2Parts, owner: ClientConnectionOwner) {
    super(stream, parts);
    this.scheme = scheme;
    this.#owner = owner;
    this.writer.text(greeting);
    stream.readBy(this);
    stream.resume();
    this.schedule();
  }

  /** Takes another stream now. */
  get hasRoom(): boolean {
    return this.usable && this.active + this.#promised < this.peer.maxConcurrentStreams;
  }

  /** Takes streams, now or later. */
  get usable(): boolean {
    return !this.over && !this.#leaving && !this.bytestream.destroyed;
  }

  /** A stream for one request; `send` begins it. */
  stream(): ClientStream {
    this.#promised++;
    return new ClientStream(this, this.uses++ > 0);
  }

  /** Ends the connection when its streams are through. */
  close(): void {
    this.#leaving = true;
    if (this.active + this.#promised === 0) this.lose(false);
  }

  /** To be called now and then: asks a server that is silent for a sign of life, and gives up one that does not answer. */
  checkAlive(): void {
    if (this.#heard) this.#asked = false;
    else if (this.#asked) this.lose(true);
    else {
      this.#asked = true;
      this.writer.text(pingFrame(false, 'alive?  '));
      this.schedule();
    }
    this.#heard = false;
  }

  /** Ends the connection now. */
  destroy(): void {
    this.lose(true);
  }

  /** Number of a new stream; `null` where the connection takes none any more. */
  begin(stream: ClientStream): number | null {
    this.#promised--;
    if (this.over || this.#refusing) return null;
    const id = this.#nextId;
    this.#nextId += 2;
    this.lastId = id;
    this.streams.set(id, stream);
    // One more number would be the last one; long before that the connection is let go.
    if (this.#nextId > maxWindow - 2000) this.#leaving = true;
    return id;
  }

  /** Calls back once the server's settings are here, or the connection is gone: perhaps at once. */
  whenSettled(then: (settled: boolean) => void): void {
    if (this.#settled || this.over) then(this.#settled);
    else this.#waiting.push(then);
  }

  protected override read(bytes: Buffer, from: number, to: number): void {
    // A frame that begins with `H` would be longer than any that is allowed.
    if (!this.#settled && this.reader.frames === 0 && !this.reader.incomplete && bytes[from] === 0x48) this.answeredHttp1 = true;
    super.read(bytes, from, to);
  }

  headers(id: number, endStream: boolean, bytes: Buffer, from: number, to: number): void {
    const stream = this.streams.get(id);
    if (stream instanceof ClientStream && stream.responded) {
      trailerFields.reset();
      this.decode(bytes, from, to, trailerFields);
      if (this.known(id) === null) return;
      const { lines } = trailerFields;
      if (lines === null || !endStream || this.decoder.tooLarge) stream.broke();
      else {
        stream.takeTrailers(lines);
        stream.takeEnd();
      }
      return;
    }
    responseFields.reset();
    this.decode(bytes, from, to, responseFields);
    if (this.known(id) === null || !(stream instanceof ClientStream)) return;
    stream.headers(responseFields.status, responseFields.lines, endStream, this.decoder.tooLarge);
  }

  goingAway(last: number, code: number): void {
    this.#leaving = true;
    this.#refusing = true;
    for (const stream of [...this.streams.values()])
      if (stream.id > last) {
        this.forget(stream);
        stream.lost(errorCode.refusedStream, true);
      }
    if (code !== errorCode.noError) throw new ConnectionError(errorCode.noError, 'the server gave up the connection');
    if (this.active === 0) this.lose(false);
  }

  protected settingsChanged(): void {
    this.#settled = true;
    for (const then of this.#waiting.splice(0)) then(true);
  }

  protected streamGivenUp(): void {}

  protected pingAcked(): void {}

  protected inputRead(): void {
    this.#heard = true;
  }

  protected streamForgotten(): void {
    this.#owner.freed(this);
    if (this.active + this.#promised > 0) return;
    if (this.#leaving) this.lose(false);
    else this.#owner.idle(this);
  }

  protected connectionOver(): void {
    for (const then of this.#waiting.splice(0)) then(false);
    this.#owner.closed(this);
  }

  protected lastPeerId(): number {
    return 0;
  }

  protected isIdle(id: number): boolean {
    return id >= this.#nextId || (id & 1) === 0;
  }
}
