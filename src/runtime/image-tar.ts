/** Tars made in memory or from files on disk: what the engine imports as an image or unpacks into a container. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';

/** One thing in a tar. Paths have no leading slash. */
export type TarEntry =
  | { readonly kind: 'folder'; readonly path: string; readonly mode: number }
  | { readonly kind: 'bytes'; readonly path: string; readonly mode: number; readonly bytes: Buffer }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly source: string };

/** Same entries, same bytes: owner root, time zero. Files are read while the stream is. */
export function tarStream(entries: readonly TarEntry[]): Readable {
  const tar = pack();
  write(entries, tar).then(
    () => tar.finalize(),
    (error: Error) => tar.destroy(error),
  );
  return tar as unknown as Readable;
}

/** The same as one buffer, for small ones. */
export function tarBuffer(entries: readonly TarEntry[]): Promise<Buffer> {
  return buffer(tarStream(entries));
}

async function write(entries: readonly TarEntry[], tar: ReturnType<typeof pack>): Promise<void> {
  const mtime = new Date(0);
  for (const entry of entries) {
    const head = { name: entry.path, mode: entry.mode, mtime, uid: 0, gid: 0 };
    if (entry.kind === 'folder') tar.entry({ ...head, type: 'directory' });
    else if (entry.kind === 'bytes') tar.entry(head, entry.bytes);
    else {
      const { size } = await stat(entry.source);
      await pipeline(createReadStream(entry.source, { highWaterMark: 1 << 20 }), tar.entry({ ...head, size }));
    }
  }
}
