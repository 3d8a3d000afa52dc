/**
 * How a moment of the history is written, in memory and on disk alike: a busy edge takes some twenty bytes. Numbers are whole and as long as they need to be;
 * edges and rules are numbers too, that the segment's dictionary gives.
 */
import { bucketCount, type EdgeRow, emptyRow } from './edge-row.ts';

/** All edges on which something happened, or something is open. */
export interface Tick {
  /** End of the stretch of time, ms since epoch. */
  readonly atMs: number;
  readonly lengthMs: number;
  /** By the edge's number. */
  readonly rows: ReadonlyMap<number, EdgeRow>;
}

/** @throws RangeError for what was not written by `encodeTick` */
export function decodeTick(bytes: Buffer, rule: (id: number) => string): Tick {
  const reader = new Reader(bytes);
  const atMs = reader.number();
  const lengthMs = reader.number();
  const rows = new Map<number, EdgeRow>();
  for (let left = reader.number(); left > 0; left--) {
    const id = reader.number();
    const row = emptyRow();
    const secured = reader.number();
    row.secured = secured === 0 ? null : secured === 2;
    row.requests = reader.number();
    row.failures = reader.number();
    row.clientErrors = reader.number();
    row.denied = reader.number();
    row.bytesIn = reader.number();
    row.bytesOut = reader.number();
    row.open = reader.number();
    const filled = reader.number();
    for (let i = 0; i < bucketCount; i++) if ((filled & (1 << i)) !== 0) row.durations[i] = reader.number();
    for (let rules = reader.number(); rules > 0; rules--)
      row.rules.set(rule(reader.number()), { hits: reader.number(), failures: reader.number() });
    rows.set(id, row);
  }
  return { atMs, lengthMs, rows };
}

/** End of the year 9999: a later moment is no date to everybody. */
const lastMs = 253_402_300_799_999;

/** When a tick ends, ms since epoch, without reading the rest. @throws RangeError, also for what is no time */
export function timeOfTick(bytes: Buffer): number {
  const atMs = new Reader(bytes).number();
  if (atMs > lastMs) throw new RangeError('a tick of no time');
  return atMs;
}

/** Writes a tick. `rule`: gives a rule's number. */
export function encodeTick({ atMs, lengthMs, rows }: Tick, rule: (name: string) => number): Buffer {
  const numbers = [atMs, lengthMs, rows.size];
  for (const [id, row] of rows) {
    const { requests, failures, clientErrors, denied, bytesIn, bytesOut, open, secured, durations, rules } = row;
    numbers.push(id, secured === null ? 0 : secured ? 2 : 1);
    numbers.push(requests, failures, clientErrors, denied, bytesIn, bytesOut, open);
    const filled = durations.reduce((bits, n, i) => (n > 0 ? bits | (1 << i) : bits), 0);
    numbers.push(filled, ...durations.filter(n => n > 0), rules.size);
    for (const [name, { hits, failures: failed }] of rules) numbers.push(rule(name), hits, failed);
  }
  return encodeNumbers(numbers);
}

function encodeNumbers(numbers: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(numbers.length * 8);
  let at = 0;
  for (const number of numbers) {
    // A sum of what hostile sidecars tell must not cost the moment of all others: longer ones are not read.
    let rest = Math.min(number, Number.MAX_SAFE_INTEGER);
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 128;
    bytes[at++] = rest;
  }
  // A copy: what was not needed is not kept.
  return Buffer.from(bytes.subarray(0, at));
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  number(): number {
    const first = this.#bytes[this.#at];
    // Most numbers are small.
    if (first !== undefined && first < 128) {
      this.#at++;
      return first;
    }
    let value = 0;
    for (let unit = 1; unit < Number.MAX_SAFE_INTEGER; unit *= 128) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new RangeError('a tick that ends too early');
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
    throw new RangeError('a number that is too long');
  }
}
