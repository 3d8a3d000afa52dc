/** Size of a block: as much as one read brings. */
const blockBytes: number = 64 * 1024;
/** More free blocks than these go back to the system. */
const maxFree = 32;

const free: ArrayBuffer[] = [];
const ours = new WeakSet<ArrayBufferLike>();

/**
 * A copy of bytes `from` to `to` in memory that is used again: where large bodies pass, memory of their own for each piece would keep the garbage collector
 * busy, for as much as a third of the sidecar's time. At most `blockBytes` are copied that way, longer pieces get their own.
 */
export function copyToBlock(bytes: Buffer, from: number, to: number): Buffer {
  if (to - from > blockBytes) return Buffer.from(bytes.subarray(from, to));
  let block = free.pop();
  if (block === undefined) {
    block = new ArrayBuffer(blockBytes);
    ours.add(block);
  }
  const copy = Buffer.from(block, 0, to - from);
  bytes.copy(copy, 0, from, to);
  return copy;
}

/** Gives the memory of a copy back; nobody may look at it any more. Other buffers are left alone. */
export function giveBack(copy: Buffer): void {
  if (copy.buffer.byteLength === blockBytes && free.length < maxFree && ours.has(copy.buffer))
    free.push(copy.buffer as ArrayBuffer);
}
