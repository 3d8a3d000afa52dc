import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppendFile } from './append-file.ts';
import { type Moment, Segment, segmentHead } from './segment.ts';

/** How much is kept, and in what pieces. */
export interface TierLimits {
  /** Of the files: `seconds-001700000000000.history`. */
  readonly name: string;
  readonly stepMs: number;
  readonly keepMs: number;
  /** A segment spans so long; whole ones are dropped. */
  readonly segmentMs: number;
  /** In memory and, once more, on disk. The oldest segments go first. */
  readonly maxBytes: number;
}

/** After a failed write a new file is begun, but not at once. */
const retryMs = 60_000;

/** A segment and the file that it is appended to; `null`: it was read from there, and its end may be broken. */
interface Piece {
  readonly segment: Segment;
  readonly path: string;
  readonly file: AppendFile | null;
}

/**
 * One resolution of the history: segments in memory, appended to files. Appending writes what is new and nothing else, where a file that is replaced as a
 * whole would be written again every second; checksums tell where a crash cut an append short. What cannot be written stays in memory.
 */
export class Tier {
  readonly limits: TierLimits;
  readonly #folder: string;
  readonly #onTrouble: (error: unknown) => void;
  #pieces: Piece[] = [];
  #removing: Promise<unknown> = Promise.resolve();

  /** `onTrouble`: a file could not be written. */
  constructor(limits: TierLimits, folder: string, onTrouble: (error: unknown) => void) {
    this.limits = limits;
    this.#folder = folder;
    this.#onTrouble = onTrouble;
  }

  /** Bytes in memory. */
  get bytes(): number {
    return this.#pieces.reduce((sum, { segment }) => sum + segment.bytes, 0);
  }

  /** Reads what a daemon before this one wrote. @returns names of files that were broken */
  async load(nowMs: number): Promise<readonly string[]> {
    const broken: string[] = [];
    const names = await readdir(this.#folder).catch(() => []);
    for (const name of names.filter(one => one.startsWith(`${this.limits.name}-`)).sort()) {
      const path = join(this.#folder, name);
      const file = await readFile(path).catch(() => Buffer.alloc(0));
      const read = Segment.read(file);
      if (read === null) await rm(path, { force: true }).catch(() => undefined);
      else this.#pieces.push({ segment: read.segment, path, file: null });
      // A daemon that ended before its first second leaves the head alone.
      if (read?.whole !== true && file.length !== segmentHead.length) broken.push(name);
    }
    this.#trim(nowMs);
    return broken;
  }

  /** Adds a moment; files follow by themselves. */
  append(moment: Moment): void {
    const { segment, file } = this.#writable(moment.atMs) ?? this.#begin(moment.atMs);
    const bytes = segment.append(moment);
    file?.write(bytes);
  }

  /** Makes what was written safe against a loss of power. */
  sync(): void {
    this.#pieces.at(-1)?.file?.sync();
  }

  /** Moments that end after `fromMs` and not after `toMs`, in the order they came. */
  *moments(fromMs: number, toMs: number): Generator<Moment, void, void> {
    for (const { segment } of this.#pieces) yield* segment.moments(fromMs, toMs);
  }

  /** Waits for what is still to be written. */
  async close(): Promise<void> {
    await this.#pieces.at(-1)?.file?.close();
    await this.#removing;
  }

  #writable(atMs: number): Piece | null {
    const last = this.#pieces.at(-1);
    if (last === undefined || last.file === null) return null;
    const age = Math.abs(atMs - last.segment.startMs);
    return age < (last.file.failed ? Math.min(retryMs, this.limits.segmentMs) : this.limits.segmentMs) ? last : null;
  }

  #begin(atMs: number): Piece {
    void this.#pieces.at(-1)?.file?.close();
    const path = join(this.#folder, `${this.limits.name}-${String(Math.max(0, atMs)).padStart(15, '0')}.history`);
    const piece = { segment: new Segment(atMs), path, file: new AppendFile(path, segmentHead, this.#onTrouble) };
    // A clock that went back may bring a file's time again.
    this.#pieces = [...this.#pieces.filter(each => each.path !== path), piece];
    this.#trim(atMs);
    return piece;
  }

  /** What is too old, also by a clock that went ahead meanwhile, and what is too much. */
  #trim(nowMs: number): void {
    const { keepMs, segmentMs, maxBytes } = this.limits;
    const most = Math.ceil(keepMs / segmentMs) + 1;
    let { bytes } = this;
    let left = this.#pieces.length;
    this.#pieces = this.#pieces.filter(({ segment, path, file }) => {
      const tooOld = segment.startMs + segmentMs < nowMs - keepMs;
      if (!(tooOld || left > most || bytes > maxBytes) || (left === 1 && file !== null)) return true;
      bytes -= segment.bytes;
      left--;
      // A file that is still to be made would outlive its removal.
      const closed = file?.close() ?? Promise.resolve();
      this.#removing = Promise.all([this.#removing, closed.then(() => rm(path, { force: true }))]).catch(() => undefined);
      return false;
    });
  }
}
