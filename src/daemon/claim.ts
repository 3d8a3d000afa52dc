import { randomUUID } from 'node:crypto';
import { link, lstat, mkdir, rename, unlink } from 'node:fs/promises';
import type { Server } from 'node:net';
import { dirname } from 'node:path';
import { isAlive } from '../api/client.ts';

/**
 * Makes the server listen on the socket, or answers false when a living process already does. The listening socket is the lock:
 * the kernel gives it up with the process, so neither kill -9, a reboot nor a reused pid can leave a lock behind.
 *
 * A socket file of a dead process has to go first. Two starts at once could each take the other's fresh file for the dead one;
 * so the file is moved away (atomic), compared with the one that was found dead, and put back if it is another.
 */
export async function claimSocket(server: Server, path: string): Promise<boolean> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  for (;;) {
    if (await listen(server, path)) return true;
    const found = await identity(path);
    if (found === null) continue;
    if (await isAlive(path)) return false;
    const aside = `${path}.${randomUUID()}`;
    try {
      await rename(path, aside);
    } catch {
      continue;
    }
    if ((await identity(aside)) !== found) await link(aside, path).catch(() => undefined);
    await unlink(aside);
  }
}

/** What tells one socket file from the next at the same path; inode numbers alone are used again at once. */
async function identity(path: string): Promise<string | null> {
  try {
    const { ino, birthtimeNs, mtimeNs } = await lstat(path, { bigint: true });
    return `${ino} ${birthtimeNs} ${mtimeNs}`;
  } catch {
    return null;
  }
}

async function listen(server: Server, path: string): Promise<boolean> {
  // The file is made by bind with the umask's mode; the folder is 0700, so nobody else gets at it in between.
  const before = process.umask(0o177);
  try {
    return await new Promise<boolean>((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException): void => {
        if (error.code === 'EADDRINUSE') resolve(false);
        else reject(error);
      };
      server.once('error', onError);
      server.listen(path, () => {
        server.off('error', onError);
        resolve(true);
      });
    });
  } finally {
    process.umask(before);
  }
}
