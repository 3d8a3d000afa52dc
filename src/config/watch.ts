import { createHash } from 'node:crypto';
import { lstatSync, readlinkSync, statSync } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';
import { type FSWatcher, watch as watchPaths } from 'chokidar';
import { type Clock, systemClock } from '../async/clock.ts';
import { HoldOff } from '../async/hold-off.ts';
import { readRegularFile } from './read-file.ts';

/** Quiet time after the last event before files are read: editors save in several steps. */
export const holdOffMs = 50;
/** A stream of saves is read at the latest this long after its first one. */
const holdOffMaxMs = 500;
/** Between two calls of `onChange`: at most ten reloads a second whatever happens. */
const minIntervalMs = 100;
/** How long a file may be away or empty before that is taken for meant. Delete-and-recreate and truncate-and-write take milliseconds. */
const graceMs = 1_000;
/** File systems that report no events (some shared folders) are looked at this often. */
const pollMs = 1_000;
/** Above what any of the files may have; of a larger one the beginning tells. */
const maxHashedBytes = 1024 * 1024;

/** What a watch works with. */
export interface WatchDeps {
  /** @default the machine's clock */
  readonly clock?: Clock;
  /** Called when a file went away or is empty, and `null` when all are there again. */
  readonly onWaiting?: (file: string | null) => void;
}

/** Files being watched. */
export interface FileWatch extends AsyncDisposable {
  /** Resolves when events are being received; changes before that are found by comparing. */
  readonly ready: Promise<void>;
  /** Watches these files from now on; what is known of files watched before is kept. */
  update(files: readonly string[]): void;
  /** Stops. `onChange` is not called afterwards. */
  close(): Promise<void>;
}

/**
 * Calls `onChange` after the contents of any of `files` (absolute) changed, by whatever way of saving: in place, truncate and write,
 * rename over it, delete and recreate, a swapped symbolic link anywhere on its path. Never while a file is half there: one that is gone
 * or empty is waited for, and told as a change only if it stays so.
 */
export function watchFiles(files: readonly string[], onChange: () => void, deps: WatchDeps = {}): FileWatch {
  return new Watch(files, onChange, deps);
}

class Watch implements FileWatch {
  readonly ready: Promise<void>;
  readonly #onChange: () => void;
  readonly #onWaiting: (file: string | null) => void;
  readonly #clock: Clock;
  readonly #holdOff: HoldOff;
  /** Hash of the contents last told, `null` for a file that was not there. */
  readonly #known = new Map<string, string | null>();
  /** Cheap signs of a change: inode, size, times. */
  readonly #stamps = new Map<string, string>();
  #watcher: FSWatcher;
  #interesting = new Set<string>();
  #watchedDirs = '';
  #closed = false;
  #lastRun = -Infinity;
  #missingSince: number | null = null;
  #cancelPoll: () => void = () => {};

  constructor(files: readonly string[], onChange: () => void, { clock = systemClock, onWaiting = () => {} }: WatchDeps) {
    this.#onChange = onChange;
    this.#onWaiting = onWaiting;
    this.#clock = clock;
    this.#holdOff = new HoldOff({ quietMs: holdOffMs, maxMs: holdOffMaxMs }, clock, () => this.#check());
    for (const file of files) this.#add(resolve(file));
    this.#watcher = this.#watch();
    this.ready = new Promise(done => this.#watcher.once('ready', () => done()));
    this.#poll();
  }

  update(files: readonly string[]): void {
    const wanted = new Set(files.map(file => resolve(file)));
    for (const file of this.#known.keys()) {
      if (wanted.has(file)) continue;
      this.#known.delete(file);
      this.#stamps.delete(file);
    }
    for (const file of wanted) if (!this.#known.has(file)) this.#add(file);
    this.#rewatch();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#holdOff.cancel();
    this.#cancelPoll();
    await this.#watcher.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Read at once: what changes from here on is a change. */
  #add(file: string): void {
    this.#stamps.set(file, stamp(file));
    this.#known.set(file, contentHash(file));
  }

  #watch(): FSWatcher {
    this.#interesting = new Set([...this.#known.keys()].flatMap(file => linksOf(file)));
    const dirs = [...new Set([...this.#interesting].map(path => existingDir(dirname(path))))].sort();
    this.#watchedDirs = dirs.join('\n');
    const watched = new Set(dirs);
    // Folders, not files: a file that is replaced takes its own watch with it. Swap files and neighbours are ignored.
    const watcher = watchPaths(dirs, {
      depth: 0,
      ignoreInitial: true,
      followSymlinks: false,
      ignorePermissionErrors: true,
      ignored: path => !watched.has(path) && !this.#interesting.has(path),
    });
    // A failing watch is no reason to die: the poll goes on.
    watcher.on('error', () => {});
    watcher.on('all', () => this.#look());
    watcher.on('raw', () => this.#look());
    return watcher;
  }

  /** Links may lead elsewhere now: watches the folders that count today. */
  #rewatch(): void {
    const interesting = [...this.#known.keys()].flatMap(file => linksOf(file));
    const dirs = [...new Set(interesting.map(path => existingDir(dirname(path))))].sort().join('\n');
    const same = dirs === this.#watchedDirs && interesting.every(path => this.#interesting.has(path));
    if (same || this.#closed) return;
    const old = this.#watcher;
    this.#watcher = this.#watch();
    void old.close();
  }

  #poll(): void {
    this.#cancelPoll = this.#clock.after(pollMs, () => {
      this.#look();
      this.#poll();
    });
  }

  /** Something happened nearby: if it touched one of our files, they are read once it is quiet. */
  #look(): void {
    if (this.#closed) return;
    let touched = false;
    for (const [file, before] of this.#stamps) {
      const now = stamp(file);
      if (now === before) continue;
      this.#stamps.set(file, now);
      touched = true;
    }
    if (touched) this.#holdOff.request();
  }

  #check(): void {
    const early = this.#lastRun + minIntervalMs - this.#clock.monotonic();
    if (early > 0) {
      this.#clock.after(early, () => this.#closed || this.#holdOff.request());
      return;
    }
    const now = new Map([...this.#known.keys()].map(file => [file, contentHash(file)]));
    const lost = [...now].find(([file, hash]) => hash === null && (this.#known.get(file) ?? null) !== null)?.[0];
    if (lost !== undefined && !this.#graceIsOver(lost)) return;
    if (lost === undefined && this.#missingSince !== null) {
      this.#missingSince = null;
      this.#onWaiting(null);
    }
    this.#rewatch();
    const changed = [...now].filter(([file, hash]) => this.#known.get(file) !== hash);
    if (changed.length === 0) return;
    for (const [file, hash] of changed) this.#known.set(file, hash);
    this.#lastRun = this.#clock.monotonic();
    this.#onChange();
  }

  #graceIsOver(file: string): boolean {
    const now = this.#clock.monotonic();
    if (this.#missingSince === null) {
      this.#missingSince = now;
      this.#onWaiting(file);
      this.#clock.after(graceMs, () => this.#closed || this.#holdOff.request());
    }
    return now - this.#missingSince >= graceMs;
  }
}

/** `null` for a file that is not there, cannot be read or is empty: nothing to apply. */
function contentHash(file: string): string | null {
  const content = orNull(() => readRegularFile(file, maxHashedBytes).bytes);
  return content === null || content.length === 0 ? null : createHash('sha256').update(content).digest('base64');
}

function stamp(file: string): string {
  const stat = orNull(() => statSync(file, { bigint: true }));
  return stat === null ? '' : `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
}

/** Missing, forbidden, not a folder, a loop of links: for a watcher all the same. */
function orNull<T>(ask: () => T): T | null {
  try {
    return ask();
  } catch {
    return null;
  }
}

/** The file and every symbolic link on the way to it: a change of any of them changes what the path means. */
function linksOf(file: string): string[] {
  const found = [file];
  let rest = file.split(sep).slice(1);
  let at: string = sep;
  for (let hops = 0; rest.length > 0 && hops < 40; ) {
    const [step = '', ...further] = rest;
    const path = resolve(at, step);
    const target = orNull(() => (lstatSync(path).isSymbolicLink() ? readlinkSync(path) : null));
    if (target === null) {
      at = path;
      rest = further;
      continue;
    }
    hops++;
    found.push(path);
    rest = [...resolve(at, target).split(sep).slice(1), ...further];
    at = sep;
  }
  if (rest.length === 0) found.push(at);
  return [...new Set(found)];
}

function existingDir(dir: string): string {
  const there = orNull(() => statSync(dir).isDirectory()) === true;
  return there || dirname(dir) === dir ? dir : existingDir(dirname(dir));
}
