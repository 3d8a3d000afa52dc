/** Who listens on a host port, from /proc: the answer to "port is taken" that the engine does not give. Linux only; elsewhere nobody is found. */
import { readdir, readFile, readlink } from 'node:fs/promises';

/** State LISTEN in /proc/net/tcp. */
const listening = '0A';

/** `node (pid 4711)`, `another process` when it may not be told, `null` when the port is free as far as /proc knows. */
export async function findListener(address: string, port: number, procDir = '/proc'): Promise<string | null> {
  const tables = await Promise.all(['net/tcp', 'net/tcp6'].map(file => readFile(`${procDir}/${file}`, 'utf8').catch(() => '')));
  const inodes = tables.flatMap(table => listenersIn(table, address, port));
  if (inodes.length === 0) return null;
  return (await processWith(new Set(inodes.map(inode => `socket:[${inode}]`)), procDir)) ?? 'another process';
}

/** Inodes of sockets of a /proc/net/tcp table that keep the address and port from being bound. */
export function listenersIn(table: string, address: string, port: number): readonly string[] {
  return table.split('\n').flatMap(line => {
    const [, local = '', , state = '', , , , , , inode = ''] = line.trim().split(/\s+/);
    const [host = '', hexPort = ''] = local.split(':');
    if (state !== listening || Number.parseInt(hexPort, 16) !== port) return [];
    return isAny(host) || isAny(address) || host.endsWith(hexAddress(address)) ? [inode] : [];
  });
}

function isAny(address: string): boolean {
  return address === '' || address === '0.0.0.0' || address === '::' || /^0+$/.test(address);
}

/** An IPv4 address as /proc writes it: bytes in the machine's (little-endian) order. */
function hexAddress(address: string): string {
  return address
    .split('.')
    .reverse()
    .map(part => Number(part).toString(16).padStart(2, '0').toUpperCase())
    .join('');
}

async function processWith(sockets: ReadonlySet<string>, procDir: string): Promise<string | null> {
  const pids = (await readdir(procDir)).filter(name => /^\d+$/.test(name));
  for (const pid of pids) {
    const fds = await readdir(`${procDir}/${pid}/fd`).catch(() => []);
    for (const fd of fds) {
      if (!sockets.has(await readlink(`${procDir}/${pid}/fd/${fd}`).catch(() => ''))) continue;
      const name = await readFile(`${procDir}/${pid}/comm`, 'utf8').catch(() => 'process');
      return `${name.trim()} (pid ${pid})`;
    }
  }
  return null;
}
