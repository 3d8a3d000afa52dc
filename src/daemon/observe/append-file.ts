import { constants } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A disk that does not keep up costs no more memory than this. */
const maxPendingBytes = 4 * 1024 * 1024;

/** A new file of the user's own that is only ever appended to. Nobody waits for it; a failure is told and ends it, for what came behind a gap could not be read. */
export class AppendFile {
  readonly #path: string;
  readonly #onTrouble: (error: unknown) => void;
  readonly #onSynced: () => void;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #syncs = false;
  #work: Promise<void> | null = null;
  #handle: FileHandle | null = null;
  #failed = false;

  /** `head`: its first bytes. `onSynced`: all that was written is safe on the disk. */
  constructor(path: string, head: Buffer, onTrouble: (error: unknown) => void, onSynced: () => void = () => {}) {
    this.#path = path;
    this.#onTrouble = onTrouble;
    this.#onSynced = onSynced;
    this.write(head);
  }

  /** Whether bytes were lost; all later ones are. */
  get failed(): boolean {
    return this.#failed;
  }

  write(bytes: Buffer): void {
    if (this.#failed) return;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes > maxPendingBytes) this.#fail(new Error('the disk does not keep up'));
    else this.#begin();
  }

  /** Makes what was written safe against a loss of power; resolves when it is, or has failed. */
  async sync(): Promise<void> {
    this.#syncs = true;
    this.#begin();
    await this.#work;
  }

  /** Writes what is pending and closes. */
  async close(): Promise<void> {
    await this.sync();
    await this.#handle?.close().catch(() => undefined);
    this.#handle = null;
  }

  #begin(): void {
    this.#work ??= this.#run()
      .catch(error => this.#fail(error))
      .finally(() => {
        this.#work = null;
      });
  }

  async #run(): Promise<void> {
    while (!this.#failed && (this.#pending.length > 0 || this.#syncs)) {
      this.#handle ??= await this.#open();
      const bytes = Buffer.concat(this.#pending);
      this.#pending = [];
      this.#pendingBytes = 0;
      for (let at = 0; at < bytes.length; ) at += (await this.#handle.write(bytes, at)).bytesWritten;
      if (!this.#syncs) continue;
      this.#syncs = false;
      await this.#handle.datasync();
      this.#onSynced();
    }
  }

  async #open(): Promise<FileHandle> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    // Where a link lies nothing is written to what it leads to.
    return open(this.#path, constants.O_CREAT | constants.O_TRUNC | constants.O_WRONLY | constants.O_NOFOLLOW, 0o600);
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#onTrouble(error);
  }
}

/** Reads such a file; an empty one where there is none, or what lies there is a link, no file, or longer than any of ours. */
export async function readWritten(path: string, maxBytes: number): Promise<Buffer> {
  // A pipe would be waited for.
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => null);
  if (handle === null) return Buffer.alloc(0);
  try {
    const found = await handle.stat();
    return found.isFile() && found.size <= maxBytes ? await handle.readFile() : Buffer.alloc(0);
  } catch {
    return Buffer.alloc(0);
  } finally {
    await handle.close();
  }
}
