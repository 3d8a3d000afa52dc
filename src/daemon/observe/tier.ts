import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppendFile, readWritten } from './append-file.ts';
import { SealedSegment } from './sealed-segment.ts';
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

/** A segment and its file. */
interface Piece {
  readonly segment: Pick<Segment, 'startMs' | 'bytes' | 'moments'>;
  readonly path: string;
}

/** The one that is appended to. */
interface OpenPiece extends Piece {
  readonly segment: Segment;
  readonly file: AppendFile;
}

/**
 * One resolution of the history: segments in memory, appended to files. Appending writes what is new and nothing else, where a file that is replaced as a
 * whole would be written again every second; checksums tell where a crash cut an append short. What cannot be written stays in memory.
 */
export class Tier {
  readonly limits: TierLimits;
  readonly #folder: string;
  readonly #onTrouble: (error: unknown) => void;
  readonly #onSynced: () => void;
  /** In the order they came; the open one is the last. */
  #pieces: Piece[] = [];
  #open: OpenPiece | null = null;
  /** Files that are being closed and removed. */
  #closing: Promise<unknown> = Promise.resolve();

  /** `onTrouble`: a file could not be written. `onSynced`: what was written is safe. */
  constructor(limits: TierLimits, folder: string, onTrouble: (error: unknown) => void, onSynced: () => void) {
    this.limits = limits;
    this.#folder = folder;
    this.#onTrouble = onTrouble;
    this.#onSynced = onSynced;
  }

  /** Bytes of its files. In memory they are fewer. */
  get bytes(): number {
    return this.#pieces.reduce((sum, { segment }) => sum + segment.bytes, 0);
  }

  /** When the last of its segments began, ms since epoch; 0: there is none. */
  get lastMs(): number {
    return Math.max(0, ...this.#pieces.map(({ segment }) => segment.startMs));
  }

  /** Reads what a daemon before this one wrote. @returns names of files that were broken */
  async load(nowMs: number): Promise<readonly string[]> {
    const broken: string[] = [];
    const names = await readdir(this.#folder).catch(() => []);
    for (const name of names.filter(one => one.startsWith(`${this.limits.name}-`)).sort()) {
      const path = join(this.#folder, name);
      const file = await readWritten(path, this.limits.maxBytes);
      const read = Segment.read(file);
      if (read === null) await rm(path, { force: true }).catch(() => undefined);
      else this.#pieces.push({ segment: new SealedSegment(read.segment), path });
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
    file.write(bytes);
  }

  /** Makes what was written safe against a loss of power. */
  sync(): void {
    this.#open?.file.sync();
  }

  /** Moments that end after `fromMs` and not after `toMs`, in the order they came. */
  *moments(fromMs: number, toMs: number): Generator<Moment, void, void> {
    for (const { segment } of this.#pieces) yield* segment.moments(fromMs, toMs);
  }

  /** Waits for what is still to be written. */
  async close(): Promise<void> {
    await this.#open?.file.close();
    await this.#closing;
  }

  #writable(atMs: number): OpenPiece | null {
    if (this.#open === null) return null;
    const { segment, file } = this.#open;
    if (segment.bytes > this.limits.maxBytes / 2) return null;
    const age = Math.abs(atMs - segment.startMs);
    return age < (file.failed ? Math.min(retryMs, this.limits.segmentMs) : this.limits.segmentMs) ? this.#open : null;
  }

  #begin(atMs: number): OpenPiece {
    this.#seal();
    const path = this.#newPath(atMs);
    const piece = { segment: new Segment(atMs), path, file: new AppendFile(path, segmentHead, this.#onTrouble, this.#onSynced) };
    this.#open = piece;
    this.#pieces.push(piece);
    this.#trim(atMs);
    return piece;
  }

  /** A clock that went back brings a time again. */
  #newPath(atMs: number): string {
    for (let ms = Math.max(0, atMs); ; ms++) {
      const path = join(this.#folder, `${this.limits.name}-${String(ms).padStart(15, '0')}.history`);
      if (!this.#pieces.some(each => each.path === path)) return path;
    }
  }

  #seal(): void {
    const open = this.#open;
    if (open === null) return;
    this.#open = null;
    this.#pieces = this.#pieces.map(each =>
      each === open ? { segment: new SealedSegment(open.segment), path: open.path } : each,
    );
    this.#closing = Promise.all([this.#closing, open.file.close()]).catch(() => undefined);
  }

  /** What is too old, also by a clock that went ahead meanwhile, and what is too much. The open one stays. */
  #trim(nowMs: number): void {
    const { keepMs, segmentMs, maxBytes } = this.limits;
    const most = Math.ceil(keepMs / segmentMs) + 1;
    let { bytes } = this;
    let left = this.#pieces.length;
    this.#pieces = this.#pieces.filter(piece => {
      const { segment, path } = piece;
      const tooOld = segment.startMs + segmentMs < nowMs - keepMs;
      if (!(tooOld || left > most || bytes > maxBytes) || piece === this.#open) return true;
      bytes -= segment.bytes;
      left--;
      // A file that is still to be made would outlive its removal.
      this.#closing = this.#closing.then(() => rm(path, { force: true })).catch(() => undefined);
      return false;
    });
  }
}
