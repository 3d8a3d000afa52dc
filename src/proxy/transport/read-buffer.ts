import type { OnReadOpts } from 'node:net';
import type { ByteStream } from './byte-stream.ts';

/** Takes the bytes of one read: `bytes` up to `length`, valid only during the call (see `kept`). Must not throw. */
export type TakeRead = (bytes: Buffer, length: number) => void;

/** As much as the kernel hands over at once, and libuv's own suggestion. */
export const readBuffer: Buffer = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * Option for `net.connect` and `tls.connect`: every read of every socket goes into the same memory, one after the other, instead of into a Buffer of its own.
 * Saves the allocation of 64 KiB per read and the stream's queue.
 */
export function readInto(take: TakeRead): OnReadOpts {
  return {
    buffer: readBuffer,
    callback(length) {
      take(readBuffer, length);
      return true;
    },
  };
}

/** Writes bytes `from` to `to`, which are the caller's again afterwards. Returns what `write` does. */
export function writeFrom(stream: ByteStream, bytes: Buffer, from: number, to: number): boolean {
  return stream.copy === undefined ? stream.write(kept(bytes, from, to)) : stream.copy(bytes, from, to);
}

/** Memory that is filled again and again, like the shared buffer of all reads. */
const lent = new WeakSet<Buffer>([readBuffer]);

/** Memory whose content is only lent to readers: whoever keeps some of it copies it, or takes the memory. */
export function lentBuffer(bytes: number): Buffer {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  lent.add(buffer);
  return buffer;
}

/** Whether the next read, or frame, will overwrite the bytes. */
export function isLent(bytes: Buffer): boolean {
  return lent.has(bytes);
}

/** Takes memory that was lent: whoever lent it sees by `isLent` that it needs other memory. Returns whether that can be done. */
export function takeLent(bytes: Buffer): boolean {
  return bytes !== readBuffer && lent.delete(bytes);
}

/** Bytes `from` to `to` for longer than the read they came with: a copy where the next read would overwrite them. */
export function kept(bytes: Buffer, from: number, to: number): Buffer {
  if (isLent(bytes)) return Buffer.from(bytes.subarray(from, to));
  return from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to);
}
