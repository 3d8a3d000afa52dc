import { relative } from 'node:path';
import { maxFileBytes } from '../../config/parse.ts';
import { readRegularFile } from '../../config/read-file.ts';

/** Text of a file; `null` where there is none that can be read. */
export type ReadText = (path: string) => string | null;

/** Reads from disk. Larger files are not read at all: the text stands for them and the parser refuses it by its size. */
export function readFromDisk(path: string): string | null {
  try {
    const { bytes, size } = readRegularFile(path, maxFileBytes);
    return size > maxFileBytes ? ' '.repeat(maxFileBytes + 1) : bytes.toString('utf8');
  } catch {
    return null;
  }
}

/** Every file that one load reads: its text, where its relative paths start, and what diagnostics call it. */
export class FileStore {
  /** By the name used in diagnostics. */
  readonly sources = new Map<string, string>();
  readonly #baseDirs = new Map<string, string>();
  readonly #files = new Set<string>();
  readonly #readText: ReadText;

  constructor(readText: ReadText) {
    this.#readText = readText;
  }

  /** Absolute paths of all files read, sorted. */
  get files(): readonly string[] {
    return [...this.#files].sort();
  }

  /** Text of an absolute path, remembered as read; `null` where there is none. */
  read(path: string): string | null {
    const text = this.#readText(path);
    if (text !== null) this.#files.add(path);
    return text;
  }

  /** Reads a file whose diagnostics are printed with its lines, and whose relative paths start at `baseDir`. */
  readSource(path: string, baseDir: string): string | null {
    const text = this.read(path);
    if (text !== null) this.sources.set(nameOf(path), text);
    this.startAt(nameOf(path), baseDir);
    return text;
  }

  /** Notes where relative paths of a file start. */
  startAt(file: string, baseDir: string): void {
    this.#baseDirs.set(file, baseDir);
  }

  /** Absolute folder that relative paths in `file` (its name in diagnostics) start from. */
  baseDirOf(file: string): string {
    return this.#baseDirs.get(file) ?? process.cwd();
  }
}

/** What diagnostics call a file: relative to the working directory, where the user can open it. */
export function nameOf(path: string): string {
  return relative(process.cwd(), path) || path;
}
