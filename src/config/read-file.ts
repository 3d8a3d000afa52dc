import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/**
 * The first `maxBytes` of a file, and its size. Only of real files: opening a pipe waits for a writer, a device never ends, and whoever waits here is the daemon.
 * Blocks; configuration files are small and local.
 * @throws Error with `code`: that of the system, `EISDIR` or `not a file`
 */
export function readRegularFile(path: string, maxBytes: number): { readonly bytes: Buffer; readonly size: number } {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stat = fstatSync(file);
    if (stat.isDirectory()) throw coded('EISDIR');
    if (!stat.isFile()) throw coded('not a file');
    const bytes = Buffer.allocUnsafe(Math.min(stat.size, maxBytes));
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      read = readSync(file, bytes, length, bytes.length - length, null);
    return { bytes: bytes.subarray(0, length), size: stat.size };
  } finally {
    closeSync(file);
  }
}

function coded(code: string): Error {
  return Object.assign(new Error(code), { code });
}
