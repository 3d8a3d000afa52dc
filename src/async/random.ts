import { createHash, randomBytes } from 'node:crypto';

/** Cheap randomness for choices and ids that need not be unguessable. */
export interface RandomSource {
  /** Uniform in [0, 1). */
  next(): number;
  /** A version 4 UUID, lower case. */
  uuid(): string;
  /** So many times eight lower-case hex digits, at most 64 times. */
  hex(words: number): string;
}

const hex = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** Made at a time: cutting digits off a long string takes a third of the time that putting them together takes. */
const blockWords = 512;

/** xorshift128 (Marsaglia 2003). Without a seed it starts from the system's randomness; with one it repeats itself, for tests. */
export function createRandom(seed?: number): RandomSource {
  if (seed === undefined) return fromBytes(randomBytes(16));
  const start = Buffer.alloc(16);
  start.writeUInt32LE(seed >>> 0, 0);
  return fromBytes(start);
}

/** Draws that are the same for the same seed and purpose; streams of different purposes have nothing to do with each other. Uniform in [0, 1). */
export function seededDraws(seed: number, purpose: string): () => number {
  return fromBytes(createHash('sha256').update(`${seed} ${purpose}`).digest()).next;
}

function fromBytes(start: Buffer): RandomSource {
  const state = new Int32Array([
    start.readInt32LE(0),
    start.readInt32LE(4),
    start.readInt32LE(8),
    start.readInt32LE(12) ^ 0x5bd1e995,
  ]);
  const step = (): number => {
    let t = state[3] ?? 0;
    const s = state[0] ?? 0;
    state[3] = state[2] ?? 0;
    state[2] = state[1] ?? 0;
    state[1] = s;
    t ^= t << 11;
    t ^= t >>> 8;
    state[0] = t ^ s ^ (s >>> 19);
    return state[0] ?? 0;
  };
  for (let i = 0; i < 32; i++) step();
  const byte = (n: number, shift: number): string => hex[(n >>> shift) & 255] ?? '';
  const word = (n: number): string => byte(n, 24) + byte(n, 16) + byte(n, 8) + byte(n, 0);
  const block = new Int32Array(blockWords);
  const blockBytes = Buffer.from(block.buffer);
  let digits = '';
  let used = 0;
  return {
    next: () => (step() >>> 0) / 4294967296,
    hex(words) {
      const count = words * 8;
      if (used + count > digits.length) {
        for (let i = 0; i < block.length; i++) block[i] = step();
        digits = blockBytes.toString('hex');
        used = 0;
      }
      used += count;
      return digits.substring(used - count, used);
    },
    uuid() {
      const b = word((step() & 0xffff0fff) | 0x4000);
      const c = word((step() & 0x3fffffff) | 0x80000000);
      return `${word(step())}-${b.slice(0, 4)}-${b.slice(4)}-${c.slice(0, 4)}-${c.slice(4)}${word(step())}`;
    },
  };
}
