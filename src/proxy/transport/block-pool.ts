/** Size of a block: as much as one read brings. */
const blockBytes: number = 64 * 1024;
/** More free blocks than these go back to the system. */
const maxFree = 32;

const free: ArrayBuffer[] = [];
/** Copies that were not given back. */
const copies = new WeakSet<Buffer>();

/**
 * A copy of bytes `from` to `to` in memory that is used again: where large bodies pass, memory of their own for each piece would keep the garbage collector
 * busy, for as much as a third of the sidecar's time. At most `blockBytes` are copied that way, longer pieces get their own.
 */
export function copyToBlock(bytes: Buffer, from: number, to: number): Buffer {
  if (to - from > blockBytes) return Buffer.from(bytes.subarray(from, to));
  const copy = Buffer.from(free.pop() ?? new ArrayBuffer(blockBytes), 0, to - from);
  bytes.copy(copy, 0, from, to);
  copies.add(copy);
  return copy;
}

/** Gives the memory of a copy back; nobody may look at it any more. Other buffers are left alone, also other views of the same memory. */
export function giveBack(copy: Buffer): void {
  if (copies.delete(copy) && free.length < maxFree) free.push(copy.buffer as ArrayBuffer);
}
