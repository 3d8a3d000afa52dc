import { constants } from 'node:fs';
import { chmod, lstat, mkdir, open, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MeshError } from '../api/mesh-error.ts';
import { messageOf } from '../text/message-of.ts';

/** What `mesh up` leaves behind for commands that run without a daemon. Information, not a lock. */
export interface DaemonRecord {
  readonly project: string;
  readonly pid: number;
  readonly socket: string;
  readonly startedAt: string;
  readonly version: string;
}

/** Makes the folder private and keeps it out of version control. @throws MeshError with the path and what to do */
export async function openStateFolder(folder: string): Promise<void> {
  try {
    await refuseLinks(folder);
    await refuseForeignKeys(join(folder, 'pki'));
    await mkdir(join(folder, 'run'), { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
    const owner = (await stat(folder)).uid;
    if (process.getuid !== undefined && process.getuid() !== 0 && owner !== process.getuid()) {
      throw new MeshError('state-folder', `${folder} belongs to uid ${owner}`, `chown it, or remove it: sudo rm -r ${folder}`);
    }
    await writeAtomically(join(folder, '.gitignore'), '*\n');
  } catch (error) {
    throw unwritable(folder, error);
  }
}

/**
 * A project can bring a `.mesh` that is a link: keys would be made where a container or another user sees them, and files of other folders written over and
 * removed. @throws MeshError
 */
async function refuseLinks(folder: string): Promise<void> {
  const parent = dirname(folder);
  const top = dirname(parent);
  // With `-p` it lies in `.mesh/projects`.
  const above = basename(top) === '.mesh' ? [top, parent] : [];
  for (const path of [...above, folder, ...['run', 'pki', 'history', 'events'].map(name => join(folder, name))]) {
    if ((await lstat(path).catch(() => null))?.isSymbolicLink() === true)
      throw new MeshError('state-folder', `${path} is a link: it came with the project`, `remove it: rm ${path}`);
  }
}

/**
 * Keys that came with a project are known to its author. What a daemon made is closed to others from the beginning; a checkout makes
 * folders that others may read. A file system without rights tells nothing: it shows the same after a change.
 */
async function refuseForeignKeys(keys: string): Promise<void> {
  const openToOthers = async (): Promise<boolean> => ((await stat(keys)).mode & 0o077) !== 0;
  const before = await stat(keys).catch(() => null);
  if (before === null || !(await openToOthers())) return;
  await chmod(keys, 0o700).catch(() => undefined);
  if (await openToOthers()) return;
  await chmod(keys, before.mode);
  throw new MeshError(
    'state-folder',
    `${keys} was open to others: it came with the project, or was copied`,
    `if you did not make it, remove it: rm -r ${keys}; if you did: chmod -R go= ${keys}`,
  );
}

/** Whole or not at all, also when the power goes: temporary file, fsync, rename, fsync of the folder. Mode 0600. */
export async function writeAtomically(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await rm(temporary, { force: true });
    // Follows no link.
    const file = await open(temporary, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const folder = await open(dirname(path), 'r');
  await folder.sync().finally(() => folder.close());
}

/** Writes `daemon.json`. @throws MeshError with the path and what to do */
export async function writeRecord(folder: string, record: DaemonRecord): Promise<void> {
  try {
    await writeAtomically(join(folder, 'daemon.json'), `${JSON.stringify(record, null, 2)}\n`);
  } catch (error) {
    throw unwritable(folder, error);
  }
}

/** Writes `ca.pem`, the root certificate that clients outside the mesh may trust. @throws MeshError with the path and what to do */
export async function writePublicRoot(folder: string, pem: string): Promise<void> {
  try {
    await writeAtomically(join(folder, 'ca.pem'), pem);
  } catch (error) {
    throw unwritable(folder, error);
  }
}

function unwritable(folder: string, error: unknown): MeshError {
  if (error instanceof MeshError) return error;
  const why = messageOf(error);
  return new MeshError(
    'state-folder',
    `the state folder cannot be written: ${why}`,
    `make room, or make ${folder} writable for this user`,
  );
}

/** Reads `daemon.json`; a missing or damaged one is `null`, because everything in it can be found out again. */
export async function readRecord(folder: string): Promise<DaemonRecord | null> {
  try {
    const value: unknown = JSON.parse(await readFile(join(folder, 'daemon.json'), 'utf8'));
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

/** Forgets the run, keeps the mesh's root certificate: the next `up` is the same mesh. */
export async function forgetRun(folder: string): Promise<void> {
  await refuseLinks(folder);
  await rm(join(folder, 'daemon.json'), { force: true });
  await rm(join(folder, 'run'), { recursive: true, force: true });
  // Of a daemon that was killed.
  await rm(join(folder, 'api-token'), { force: true });
  // A folder that never ran a mesh is left as it was found; one with keys is not empty and stays.
  await rmdir(folder).catch(() => undefined);
}

function isRecord(value: unknown): value is DaemonRecord {
  if (typeof value !== 'object' || value === null) return false;
  const text = (name: string): boolean => name in value && typeof Reflect.get(value, name) === 'string';
  return text('project') && text('socket') && text('startedAt') && text('version') && Number.isInteger(Reflect.get(value, 'pid'));
}
