/** Files that only the user may read: directory 0700, file 0600, under any umask, whole or not there. */
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf } from '../text/message-of.ts';
import { PkiError } from './pki-error.ts';

/** Reads the file and takes rights of others away, should a copy have given some. `null` when there is none. @throws PkiError `state` */
export async function readPrivateFile(file: string): Promise<string | null> {
  try {
    const text = await readFile(file, 'utf8');
    // Best effort: file systems without Unix rights (a Windows drive in WSL) refuse or ignore it, and the key must stay usable there.
    await chmod(file, 0o600).catch(() => undefined);
    return text;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw new PkiError('state', `${file} cannot be read: ${messageOf(error)}`, file);
  }
}

/** Writes beside the file, syncs and renames, so that a crash leaves the old file or the new one. @throws PkiError `state` */
export async function writePrivateFile(file: string, text: string): Promise<void> {
  const directory = dirname(file);
  // One name, removed first: what a crash left behind does not stay, and `wx` follows no link.
  const partial = `${file}.partial`;
  try {
    await makePrivateDirectory(directory);
    await rm(partial, { force: true });
    const handle = await open(partial, 'wx', 0o600);
    try {
      await handle.chmod(0o600); // the umask may have taken the owner's rights as well
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, file);
    await syncDirectory(directory);
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw new PkiError('state', `${file} cannot be written: ${messageOf(error)}`, file);
  }
}

async function makePrivateDirectory(directory: string): Promise<void> {
  // Missing parents are made one by one, because with a umask such as 0777 a new one could not be entered.
  const parent = dirname(directory);
  try {
    await mkdir(directory, 0o700);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && parent !== directory) {
      await makePrivateDirectory(parent);
      await mkdir(directory, 0o700);
    } else if (codeOf(error) !== 'EEXIST') throw error;
    else return;
  }
  await chmod(directory, 0o700);
}

/** Makes the rename survive a power cut. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(join(directory, '.'), 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
