/** The few C functions that Node does not offer, called through koffi. Linux with glibc only, as the sidecar's image is. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** What of koffi is used. Its package is not imported: the one native file beside the bundle is enough. */
interface Koffi {
  load(library: string): { func(prototype: string): (...values: readonly unknown[]) => number };
  errno(): number;
}

/** C library calls by their own names; buffers are passed as pointers and may be written to. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  send(fd: number, bytes: Buffer, length: number, flags: number): number;
  recv(fd: number, bytes: Buffer, length: number, flags: number): number;
  getsockopt(fd: number, level: number, option: number, value: Buffer, length: Buffer): number;
  close(fd: number): number;
  /** `errno` of the last call that failed. */
  errno(): number;
}

/** Beside the bundle (CommonJS has `__dirname`), or in node_modules when the sources run as they lie. */
function koffiPath(): string {
  const here = typeof __dirname === 'string' ? __dirname : (import.meta.dirname ?? '.');
  const { arch } = process;
  const development = join(here, `../../../node_modules/@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node`);
  const beside = join(here, 'koffi.node');
  return existsSync(beside) ? beside : development;
}

let loaded: Libc | undefined;

/**
 * Loads the library at the first call.
 * @throws when koffi's native file or the C library is missing
 */
export function libc(): Libc {
  if (loaded !== undefined) return loaded;
  // What `require` does with a .node file; `dlopen` is there in modules of both kinds.
  const holder = { exports: {} };
  process.dlopen(holder, koffiPath());
  const koffi = holder.exports as Koffi;
  const library = koffi.load('libc.so.6');
  loaded = {
    socket: library.func('int socket(int domain, int type, int protocol)'),
    send: library.func('long send(int fd, void *bytes, size_t length, int flags)'),
    recv: library.func('long recv(int fd, void *bytes, size_t length, int flags)'),
    getsockopt: library.func('int getsockopt(int fd, int level, int option, void *value, void *length)'),
    close: library.func('int close(int fd)'),
    errno: () => koffi.errno(),
  };
  return loaded;
}
