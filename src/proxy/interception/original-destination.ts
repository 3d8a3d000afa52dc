import type { Socket } from 'node:net';
import { libc } from './libc.ts';

/** Address and port that a redirected connection was meant for. */
export interface Destination {
  readonly address: string;
  readonly port: number;
}

/** Finds out where an accepted connection was going. `null`: it was not redirected, or the kernel does not know. */
export type OriginalDestination = (socket: Socket) => Destination | null;

const solIp = 0;
const solIpv6 = 41;
/** SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST have the same number. */
const originalDst = 80;
const address4 = Buffer.alloc(16);
const address6 = Buffer.alloc(28);
const length = Buffer.alloc(4);

/** File descriptor of a socket. Node offers no public way; without it (a changed Node) nothing is intercepted and connections are refused; -1: unknown. */
export function descriptorOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  return typeof fd === 'number' ? fd : -1;
}

/** From the kernel's connection table. Works without capabilities. */
export const originalDestination: OriginalDestination = socket => {
  const fd = descriptorOf(socket);
  if (fd < 0) return null;
  const found = socket.localFamily === 'IPv6' ? read6(fd) : read4(fd);
  if (found === null || (found.port === socket.localPort && found.address === socket.localAddress)) return null;
  return found;
};

function read4(fd: number): Destination | null {
  length.writeUInt32LE(address4.length);
  if (libc().getsockopt(fd, solIp, originalDst, address4, length) !== 0) return null;
  return { address: `${address4[4]}.${address4[5]}.${address4[6]}.${address4[7]}`, port: address4.readUInt16BE(2) };
}

function read6(fd: number): Destination | null {
  length.writeUInt32LE(address6.length);
  if (libc().getsockopt(fd, solIpv6, originalDst, address6, length) !== 0) return null;
  const groups = Array.from({ length: 8 }, (_, index) => address6.readUInt16BE(8 + index * 2).toString(16));
  const canonical = new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
  return { address: canonical, port: address6.readUInt16BE(2) };
}
