import { atParts } from '../async/alarm.ts';
import type { Clock } from '../async/clock.ts';
import { lateParts } from '../identity/svid.ts';
import type { SvidReport } from '../snapshot/channel.ts';

/** Tells which SVIDs were not renewed in time: at half of their life, at four fifths, and when it is over. */
export class LateSvids {
  readonly #clock: Clock;
  readonly #onLate: (workload: string, part: number) => void;
  readonly #watched = new Map<string, { readonly serialNumber: string; part: number; cancel: () => void }>();

  /** `onLate`: hears of each part once per SVID. */
  constructor(clock: Clock, onLate: (workload: string, part: number) => void) {
    this.#clock = clock;
    this.#onLate = onLate;
  }

  /** The part of its SVID's life that a workload has let go by, 0: none. */
  partOf(workload: string): number {
    return this.#watched.get(workload)?.part ?? 0;
  }

  /** A workload has this SVID. */
  watch(workload: string, { serialNumber, sinceMs, expiresAtMs }: SvidReport): void {
    const before = this.#watched.get(workload);
    if (before?.serialNumber === serialNumber) return;
    before?.cancel();
    const entry = { serialNumber, part: 0, cancel: () => {} };
    this.#watched.set(workload, entry);
    entry.cancel = atParts(this.#clock, sinceMs, expiresAtMs, lateParts, part => {
      entry.part = part;
      this.#onLate(workload, part);
    });
  }

  forget(workload: string): void {
    this.#watched.get(workload)?.cancel();
    this.#watched.delete(workload);
  }

  close(): void {
    for (const workload of [...this.#watched.keys()]) this.forget(workload);
  }
}
