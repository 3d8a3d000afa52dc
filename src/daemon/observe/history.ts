import { join } from 'node:path';
import type { Clock } from '../../async/clock.ts';
import { messageOf } from '../../text/message-of.ts';
import { addRow, type EdgeName, type EdgeRow, emptyRow, maxEdges, overflowEdge } from './edge-row.ts';
import type { EdgeRows, Moment } from './segment.ts';
import { Tier, type TierLimits } from './tier.ts';

const minuteMs = 60_000;
const mib = 1024 * 1024;

/** A busy edge takes some 20 bytes a moment: these hold a thousand of them at every second, and half a day of them at every minute. */
export const historyLimits: { readonly seconds: TierLimits; readonly minutes: TierLimits } = {
  seconds: { name: 'seconds', stepMs: 1_000, keepMs: 15 * minuteMs, segmentMs: 3 * minuteMs, maxBytes: 24 * mib },
  minutes: { name: 'minutes', stepMs: minuteMs, keepMs: 24 * 60 * minuteMs, segmentMs: 120 * minuteMs, maxBytes: 32 * mib },
};

/** What a history is made with. */
export interface HistoryOptions {
  readonly clock: Clock;
  /** `.mesh` */
  readonly stateDir: string;
  /** Tells the user, once per kind of trouble. */
  readonly warn: (message: string, hint: string) => void;
  readonly limits?: typeof historyLimits;
}

/** 15 minutes by the second and 24 hours by the minute, in bounded memory and in `.mesh/history`. */
export class History {
  readonly #options: HistoryOptions;
  readonly #seconds: Tier;
  readonly #minutes: Tier;
  #minute = new Map<EdgeName, EdgeRow>();
  /** Edges by what they are, so that equal ones are one object in the minute. */
  #names = new Map<string, EdgeName>();
  /** Number of the minute that is being summed up. */
  #current: number | null = null;
  /** Tiers that the disk takes nothing of; the user knows. */
  readonly #stuck = new Set<string>();
  #writeFailures = 0;

  constructor(options: HistoryOptions) {
    this.#options = options;
    const { seconds, minutes } = options.limits ?? historyLimits;
    const folder = join(options.stateDir, 'history');
    const open = (limits: TierLimits): Tier =>
      new Tier(
        limits,
        folder,
        error => this.#failed(limits.name, folder, error),
        () => this.#synced(limits.name, folder),
      );
    this.#seconds = open(seconds);
    this.#minutes = open(minutes);
  }

  /** How often a file failed since the daemon began. */
  get writeFailures(): number {
    return this.#writeFailures;
  }

  /** Bytes of its files. */
  get bytes(): number {
    return this.#seconds.bytes + this.#minutes.bytes;
  }

  /** Reads what was written before; what cannot be read is told and left out. */
  async load(): Promise<void> {
    const now = this.#options.clock.now();
    const broken = [...(await this.#seconds.load(now)), ...(await this.#minutes.load(now))];
    if (broken.length > 0)
      this.#options.warn(
        `history: ${broken.join(', ')} could be read only in part, or not at all`,
        'the rest is used; new files are written',
      );
    const lastMs = Math.max(this.#seconds.lastMs, this.#minutes.lastMs);
    if (lastMs > now + minuteMs)
      this.#options.warn(
        `history: the clock was set back since ${new Date(lastMs).toISOString().replace(/\.\d+/, '')}`,
        'what was kept until then is shown at its own time',
      );
    // What the minute had when the daemon before ended.
    let last = 0;
    for (const { atMs } of this.#minutes.moments(now - historyLimits.seconds.keepMs, now)) last = Math.max(last, atMs);
    for (const moment of this.#seconds.moments(Math.max(last, now - historyLimits.seconds.keepMs), now)) this.#sum(moment);
  }

  /** Adds a second. */
  add(moment: Moment): void {
    if (moment.rows.size > 0) this.#seconds.append(moment);
    this.#sum(moment);
  }

  /** What is known of a stretch of time, in the finest steps that are kept of all of it. `toMs` is the last moment's. */
  moments(fromMs: number, toMs: number): Iterable<Moment> {
    const { clock } = this.#options;
    const fine = clock.now() - fromMs <= this.#seconds.limits.keepMs + this.#seconds.limits.stepMs;
    return (fine ? this.#seconds : this.#minutes).moments(fromMs, toMs);
  }

  /** Writes what is there. */
  async close(): Promise<void> {
    await this.#seconds.close();
    await this.#minutes.close();
  }

  #sum(moment: Moment): void {
    const minute = Math.ceil(moment.atMs / minuteMs);
    if (this.#current !== null && minute !== this.#current) this.#endMinute(this.#current * minuteMs);
    this.#current = minute;
    for (const [edge, row] of moment.rows) {
      const key = JSON.stringify(edge);
      const name = this.#names.get(key) ?? (this.#names.size < maxEdges ? edge : overflowEdge);
      if (name === edge) this.#names.set(key, name);
      const sum = this.#minute.get(name) ?? emptyRow();
      addRow(sum, row);
      this.#minute.set(name, sum);
    }
  }

  #endMinute(atMs: number): void {
    const rows: EdgeRows = this.#minute;
    this.#minute = new Map();
    this.#names = new Map();
    if (rows.size > 0) this.#minutes.append({ atMs, lengthMs: minuteMs, rows });
    this.#seconds.sync();
    this.#minutes.sync();
  }

  #failed(tier: string, folder: string, error: unknown): void {
    this.#writeFailures++;
    if (this.#stuck.size === 0)
      this.#options.warn(
        `history: ${folder} cannot be written: ${messageOf(error)}`,
        'it is kept in memory, and tried again every minute',
      );
    this.#stuck.add(tier);
  }

  #synced(tier: string, folder: string): void {
    if (this.#stuck.delete(tier) && this.#stuck.size === 0) this.#options.warn(`history: ${folder} is written again`, '');
  }
}
