import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { copyToBlock, giveBack } from './block-pool.ts';
import { isLent, readBuffer, takeLent } from './read-buffer.ts';

/**
 * The one file that knows what lies below Node's sockets, which is no public API. Reads then go into one shared buffer also on accepted connections, and
 * writes straight to the system: no memory per read, no queue of a stream, no turn of the event loop after each write (ADR 1 says what that saves). Only what
 * moves bytes is taken over; connecting, handshakes, ends and errors stay with the socket. Where anything looks different than in the Node that this was
 * written for, `DirectIo.over` returns `null` and streams use the socket's public methods: slower, otherwise the same (one contract suite for both).
 */

/** Node's stream handle, as far as it is used. */
interface StreamHandle {
  reading: boolean;
  /** Called for each read; the length, or what went wrong, is in the state. */
  onread: (this: StreamHandle, memory?: ArrayBuffer) => unknown;
  useUserBuffer(buffer: Buffer): void;
  readStart(): number;
  readStop(): number;
  writeLatin1String(request: WriteRequest, text: string): number;
  writeBuffer(request: WriteRequest, bytes: Buffer): number;
  writev(request: WriteRequest, chunks: readonly (Buffer | string)[], allBuffers: boolean): number;
}

interface WriteRequest {
  oncomplete?: (status: number) => void;
}

interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  /** What the last call did, by index. */
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kBytesWritten: number;
  readonly kLastWriteWasAsync: number;
}

const testedNode = 24;
const methods = ['useUserBuffer', 'readStart', 'readStop', 'writeLatin1String', 'writeBuffer', 'writev', 'onread'] as const;

function findBinding(): StreamBinding | null {
  if (Number.parseInt(process.versions.node, 10) !== testedNode) return null;
  try {
    const find: unknown = Reflect.get(process, 'binding');
    if (typeof find !== 'function') return null;
    const found = find.call(process, 'stream_wrap') as Partial<StreamBinding>;
    const indices = [found.kReadBytesOrError, found.kBytesWritten, found.kLastWriteWasAsync];
    const known = typeof found.WriteWrap === 'function' && found.streamBaseState instanceof Int32Array;
    return known && indices.every(index => typeof index === 'number') ? (found as StreamBinding) : null;
  } catch {
    return null;
  }
}

const binding: StreamBinding | null = findBinding();

/** As Node's streams: with more on its way the writer is asked to wait. */
const highWater = 64 * 1024;

const nothing: readonly (Buffer | string)[] = [];

/** Whose socket it is. */
export interface DirectIoOwner {
  /** The next bytes, valid only during the call. With TLS they may also come after `reads(false)`: all that is decrypted is handed over. */
  taken(bytes: Buffer, length: number): void;
  /** After a write that returned `false`: everything is out. */
  drained(): void;
}

/** Reads and writes of one connected socket, past Node's streams. */
export class DirectIo {
  readonly #socket: Socket;
  readonly #handle: StreamHandle;
  readonly #owner: DirectIoOwner;
  /** TLS takes what is written into memory of its own within the call, and takes one write at a time. */
  readonly #tls: boolean;
  /** A write that is not out. */
  #writing: WriteRequest | null = null;
  #written: readonly (Buffer | string)[] = nothing;
  /** What waits for it. */
  #queue: (Buffer | string)[] | null = null;
  #pending = 0;
  #corked = false;
  #owesDrained = false;
  #ending = false;
  readonly #oncomplete = (status: number): void => this.#completed(status);

  /**
   * Takes the reads and writes of a connected, paused socket over; what it has read before is handed over first.
   * @returns `null` where that is not possible
   * @param shared the socket was made with the shared buffer of all reads
   */
  static over(socket: Socket, owner: DirectIoOwner, shared: boolean): DirectIo | null {
    const handle = Reflect.get(socket, '_handle') as StreamHandle | null;
    if (binding === null || handle === null || typeof handle !== 'object') return null;
    if (socket.connecting || socket.destroyed || socket.writableLength > 0 || !socket.writable) return null;
    for (const name of methods) if (typeof handle[name] !== 'function') return null;
    return new DirectIo(binding, socket, handle, owner, shared);
  }

  private constructor(
    { streamBaseState, kReadBytesOrError }: StreamBinding,
    socket: Socket,
    handle: StreamHandle,
    owner: DirectIoOwner,
    shared: boolean,
  ) {
    this.#socket = socket;
    this.#handle = handle;
    this.#owner = owner;
    this.#tls = socket instanceof TLSSocket;
    if (!shared) handle.useUserBuffer(readBuffer);
    const ended = handle.onread;
    handle.onread = memory => {
      const length = streamBaseState[kReadBytesOrError] as number;
      // The end and errors are the socket's.
      if (length < 0) return ended.call(handle, memory);
      if (length > 0 && !socket.destroyed) owner.taken(readBuffer, length);
    };
    while (socket.readableLength > 0) {
      const early = socket.read() as Buffer;
      owner.taken(early, early.length);
    }
    this.reads(false);
  }

  /** Reads, or reads no more. */
  reads(on: boolean): void {
    const handle = this.#handle;
    if (handle.reading === on || this.#socket.destroyed) return;
    handle.reading = on;
    const error = on ? handle.readStart() : handle.readStop();
    if (error !== 0) this.#socket.destroy(new Error(`cannot read: ${error}`));
  }

  /** Latin1 text, or bytes that nobody touches again. Returns whether more may be written now. */
  write(chunk: Buffer | string): boolean {
    if (this.#ending || this.#socket.destroyed || chunk.length === 0) return true;
    if (this.#corked || this.#writing !== null) {
      this.#queue ??= [];
      this.#queue.push(chunk);
      this.#pending += chunk.length;
    } else this.#dispatch([chunk]);
    return this.#more();
  }

  /** Bytes that are valid only during the call. */
  copy(bytes: Buffer, from: number, to: number): boolean {
    const part = bytes.subarray(from, to);
    if (!isLent(bytes)) return this.write(part);
    const idle = !this.#corked && this.#writing === null;
    if (!idle || (bytes === readBuffer && !this.#tls)) return this.write(copyToBlock(bytes, from, to));
    const more = this.write(part);
    // Mostly the system has taken all of it. Where it has not, the rest is sent from here.
    if (this.#writing !== null && !this.#tls) takeLent(bytes);
    return more;
  }

  /** What is written from here to `uncork` leaves together. */
  cork(): void {
    this.#corked = true;
  }

  /** See `cork`. */
  uncork(): void {
    this.#corked = false;
    if (this.#writing !== null) return;
    this.#flush();
    // Not within the call of a writer.
    if ((this.#owesDrained || this.#ending) && this.#writing === null) process.nextTick(() => this.#settle());
  }

  /** Ends our side after what was written. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    if (this.#pending === 0) this.#socket.end();
  }

  #more(): boolean {
    if (this.#pending < highWater) return true;
    this.#owesDrained = true;
    return false;
  }

  #flush(): void {
    const chunks = this.#queue;
    if (chunks === null) return;
    this.#queue = null;
    this.#pending = 0;
    this.#dispatch(chunks);
  }

  #dispatch(chunks: readonly (Buffer | string)[]): void {
    const { WriteWrap, streamBaseState, kBytesWritten, kLastWriteWasAsync } = binding as StreamBinding;
    const request = spare ?? new WriteWrap();
    spare = null;
    request.oncomplete = this.#oncomplete;
    const [first = ''] = chunks;
    let error: number;
    if (chunks.length > 1) error = this.#handle.writev(request, encoded(chunks), false);
    else if (typeof first === 'string') error = this.#handle.writeLatin1String(request, first);
    else error = this.#handle.writeBuffer(request, first);
    if (error !== 0) {
      this.#fail(error);
      return;
    }
    if (streamBaseState[kLastWriteWasAsync] === 0) {
      spare = request;
      release(chunks);
      return;
    }
    this.#writing = request;
    this.#written = chunks;
    this.#pending += streamBaseState[kBytesWritten] as number;
  }

  #completed(status: number): void {
    const chunks = this.#written;
    this.#writing = null;
    this.#written = nothing;
    if (status < 0) {
      // Nobody knows who still looks at the memory.
      this.#fail(status);
      return;
    }
    release(chunks);
    this.#pending = 0;
    for (const chunk of this.#queue ?? nothing) this.#pending += chunk.length;
    if (!this.#corked) this.#flush();
    this.#settle();
  }

  /** Everything is out. */
  #settle(): void {
    if (this.#pending > 0 || this.#socket.destroyed) return;
    if (this.#owesDrained) {
      this.#owesDrained = false;
      this.#owner.drained();
    }
    if (this.#ending && this.#pending === 0) this.#socket.end();
  }

  #fail(status: number): void {
    if (!this.#socket.destroyed) this.#socket.destroy(new Error(`cannot write: ${status}`));
  }
}

/** Of a write that was done within the call. */
let spare: WriteRequest | null = null;

function release(chunks: readonly (Buffer | string)[]): void {
  for (const chunk of chunks) if (typeof chunk !== 'string') giveBack(chunk);
}

/** Each chunk with its encoding. */
function encoded(chunks: readonly (Buffer | string)[]): (Buffer | string)[] {
  const all: (Buffer | string)[] = [];
  for (const chunk of chunks) all.push(chunk, typeof chunk === 'string' ? 'latin1' : 'buffer');
  return all;
}
