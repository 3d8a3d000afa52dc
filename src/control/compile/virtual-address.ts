/** Virtual addresses of mesh names: from the hash of the name, so that adding a service moves no other. */
import { createHash } from 'node:crypto';
import { virtualNetwork } from '../../snapshot/ports.ts';

/** Last octets .0 and .255 are left out: some software takes them for a network's own and its broadcast address. */
const hostsPerRow = 254;
const rows = 256;
const size = rows * hostsPerRow;

/**
 * Gives every name an address of 240.240.0.0/16.
 * @param names in order of precedence: of two names with one hash, the first keeps it
 * @param held addresses given before; a name keeps its address while it is there
 */
export function virtualAddresses(names: readonly string[], held: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  if (names.length > size) throw new RangeError(`${names.length} names, there are ${size} virtual addresses`);
  const result = new Map<string, string>();
  const taken = new Set<string>();
  for (const name of names) {
    const address = held.get(name);
    if (address === undefined) continue;
    result.set(name, address);
    taken.add(address);
  }
  for (const name of names) {
    if (result.has(name)) continue;
    const address = firstFree(name, taken);
    result.set(name, address);
    taken.add(address);
  }
  return result;
}

/** Double hashing: where the first place is taken, a second hash says how far to step. */
function firstFree(name: string, taken: ReadonlySet<string>): string {
  const digest = createHash('sha256').update(name).digest();
  const start = digest.readUInt32BE(0) % size;
  // size = 2^9 · 127: a step that is odd and no multiple of 127 reaches every place.
  let step = (digest.readUInt32BE(4) % size) | 1;
  if (step % 127 === 0) step += 2;
  let place = start;
  while (taken.has(addressAt(place))) place = (place + step) % size;
  return addressAt(place);
}

function addressAt(place: number): string {
  return `${virtualNetwork}.${Math.floor(place / hostsPerRow)}.${1 + (place % hostsPerRow)}`;
}
