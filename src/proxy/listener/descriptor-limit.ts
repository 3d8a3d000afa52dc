import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { descriptorOf } from '../interception/original-destination.ts';

/** Kept for what the accepted connections need in turn: servers, names, the daemon. A tenth of all, within these bounds. */
const minReserve = 16;
const maxReserve = 256;

/** Soft limit of open files of this process; without /proc there is none that could be told. */
function openFiles(): number {
  try {
    return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? Number.POSITIVE_INFINITY);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/**
 * Notices that descriptors run out before they are gone: then not even the connections there are could be served, and the system would drop new ones without a
 * word. New descriptors are always the lowest that are free, so the number of an accepted one tells.
 */
export class DescriptorLimit {
  readonly #last: number;

  constructor(limit: number = openFiles()) {
    this.#last = limit - Math.min(maxReserve, Math.max(minReserve, Math.ceil(limit / 10)));
  }

  /** Whether the connection took one of the descriptors in reserve, and is to be turned away. */
  spentBy(socket: Socket): boolean {
    return descriptorOf(socket) >= this.#last;
  }
}
