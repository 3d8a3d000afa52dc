import type { OnReadOpts, Socket } from 'node:net';
import { copyToBlock, giveBack } from './block-pool.ts';
import type { ByteStream, StreamReader } from './byte-stream.ts';
import { DirectIo, type DirectIoOwner } from './direct-io.ts';
import { isLent, kept, readInto } from './read-buffer.ts';
import { resetConnection } from './reset.ts';

/** Lets a socket that is yet to be connected read into the shared buffer: give `onread` to `net.connect` or `tls.connect`, and this to the stream over it. */
export class SharedReads {
  take: (bytes: Buffer, length: number) => void = () => {};
  readonly onread: OnReadOpts = readInto((bytes, length) => this.take(bytes, length));
}

/** A TCP or TLS socket as a stream of bytes. The socket is its own from now on; also errors that come while nobody reads are taken care of. */
export class SocketStream implements ByteStream, DirectIoOwner {
  /** What carries the stream: only for questions (ALPN, addresses). */
  readonly socket: Socket;
  #reader: StreamReader | null = null;
  #paused = true;
  /** Bytes that came while paused: TLS hands over all of what it has decrypted. */
  #held: Buffer | null = null;
  #ended = false;
  #closed = false;
  /** Which of both the reader knows. */
  #toldEnd = false;
  #toldClose = false;
  #resuming = false;
  /** It was made before the connection was, and has not been asked for anything since. */
  #early: boolean;
  /** Reads and writes past Node's streams; `null`: by the socket's public methods. */
  #direct: DirectIo | null = null;

  /**
   * `socket`: connected; or yet to be, with `reads`, where its option `onread` came from: then whoever connects it pauses it.
   * `publicOnly`: without `DirectIo`.
   */
  constructor(socket: Socket, reads: SharedReads | null = null, publicOnly = false) {
    this.socket = socket;
    this.#early = reads !== null && !publicOnly;
    if (reads !== null) reads.take = (bytes, length) => this.taken(bytes, length);
    else {
      socket.pause();
      if (!publicOnly) this.#direct = DirectIo.over(socket, this, false);
      if (this.#direct === null) socket.on('data', (bytes: Buffer) => this.taken(bytes, bytes.length));
    }
    socket.on('end', () => {
      this.#ended = true;
      this.#tell();
    });
    socket.on('drain', () => this.drained());
    // What it means is told by `close`.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
      this.#tell();
    });
  }

  get destroyed(): boolean {
    return this.socket.destroyed;
  }

  get ended(): boolean {
    return this.#ended && this.#held === null;
  }

  readBy(reader: StreamReader): void {
    this.#reader = reader;
    if (this.#early) {
      this.#early = false;
      this.#direct = DirectIo.over(this.socket, this, true);
      if (!this.#paused) this.#direct?.reads(true);
    }
    this.#closed ||= this.socket.closed;
    if (this.#closed || (this.#ended && !this.#toldEnd)) process.nextTick(() => this.#tell());
  }

  text(latin1: string): boolean {
    if (this.#direct !== null) return this.#direct.write(latin1);
    return !this.socket.writable || this.socket.write(latin1, 'latin1');
  }

  write(bytes: Buffer): boolean {
    if (this.#direct !== null) return this.#direct.write(bytes);
    return !this.socket.writable || this.socket.write(bytes);
  }

  copy(bytes: Buffer, from: number, to: number): boolean {
    if (this.#direct !== null) return this.#direct.copy(bytes, from, to);
    if (!isLent(bytes)) return this.write(bytes.subarray(from, to));
    if (!this.socket.writable) return true;
    const copy = copyToBlock(bytes, from, to);
    return this.socket.write(copy, error => {
      // After a failure nobody knows who still looks at it.
      if (!error) giveBack(copy);
    });
  }

  cork(): void {
    if (this.#direct !== null) this.#direct.cork();
    else this.socket.cork();
  }

  uncork(): void {
    if (this.#direct !== null) this.#direct.uncork();
    else this.socket.uncork();
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    if (this.#direct !== null) this.#direct.reads(false);
    else this.socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#held === null) {
      this.#readOn();
      return;
    }
    if (this.#resuming) return;
    this.#resuming = true;
    process.nextTick(() => {
      this.#resuming = false;
      if (this.#paused) return;
      this.#tell();
      if (!this.#paused) this.#readOn();
    });
  }

  end(): void {
    if (this.#direct !== null) this.#direct.end();
    else if (!this.socket.destroyed) this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  reset(): void {
    resetConnection(this.socket);
  }

  /** Used by what reads the socket: the next bytes. */
  taken(bytes: Buffer, length: number): void {
    if (this.#paused || this.#reader === null || this.#held !== null) {
      const more = kept(bytes, 0, length);
      this.#held = this.#held === null ? more : Buffer.concat([this.#held, more]);
    } else this.#reader.bytes(bytes, 0, length);
  }

  /** Used by what writes to the socket: everything is out. */
  drained(): void {
    this.#reader?.drained();
  }

  #readOn(): void {
    if (this.#direct !== null) this.#direct.reads(true);
    else this.socket.resume();
  }

  /** Hands on what waits, in order: bytes, the end, the close. */
  #tell(): void {
    const reader = this.#reader;
    if (reader === null) return;
    const failed = !this.#ended || !this.socket.writableFinished;
    if (this.#held !== null && !(this.#closed && failed)) {
      if (this.#paused) return;
      const held = this.#held;
      this.#held = null;
      reader.bytes(held, 0, held.length);
    }
    if (this.#ended && !this.#toldEnd && this.#reader === reader && this.#held === null) {
      this.#toldEnd = true;
      reader.ended();
    }
    if (this.#closed && !this.#toldClose && this.#reader === reader) {
      this.#toldClose = true;
      reader.closed(failed);
    }
  }
}
