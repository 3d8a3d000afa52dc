import { existsSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { type Libc, libc } from './libc.ts';
import { encodeMessage, type NetlinkMessage, readAcknowledgements } from './netlink.ts';
import { encodeTables } from './nf-tables.ts';
import { interceptionRules } from './rules.ts';

const afNetlink = 16;
const sockRawCloexec = 3 | 0o2000000;
const netlinkNetfilter = 12;
const msgDontWait = 0x40;

/** The rules could not be written: interception is not in place and nothing was changed. */
export class InterceptionError extends Error {
  override readonly name = 'InterceptionError';
}

/**
 * Writes the tables `ip mesh` and `ip6 mesh` into this process's network namespace, replacing older ones, all or nothing.
 * Needs CAP_NET_ADMIN. IPv6 is left out where the kernel has none.
 * @param nameservers addresses of /etc/resolv.conf
 * @throws InterceptionError naming the message that the kernel refused
 */
export function intercept(nameservers: readonly string[]): void {
  const families = existsSync('/proc/net/if_inet6') ? (['ip', 'ip6'] as const) : (['ip'] as const);
  sendBatch(libc(), encodeTables(families.map(family => interceptionRules(family, nameservers))));
}

function failure(what: string, errno: number): InterceptionError {
  const hint =
    errno === 1 ? ' (the container needs NET_ADMIN)' : errno === 93 || errno === 95 ? ' (the kernel has no nf_tables)' : '';
  return new InterceptionError(`${what}: ${getSystemErrorName(-errno)}${hint}`);
}

function sendBatch(c: Libc, messages: readonly NetlinkMessage[]): void {
  const fd = c.socket(afNetlink, sockRawCloexec, netlinkNetfilter);
  if (fd < 0) throw failure('netlink socket', c.errno());
  try {
    const batch = Buffer.concat(messages.map((message, index) => encodeMessage(message, index + 1)));
    if (c.send(fd, batch, batch.length, 0) !== batch.length) throw failure('netlink send', c.errno());
    // The kernel works through a batch within `send`: every answer is there already.
    const expected = messages.filter(message => (message.flags & 4) !== 0).length;
    const datagram = Buffer.alloc(65536);
    for (let seen = 0; seen < expected; ) {
      const length = c.recv(fd, datagram, datagram.length, msgDontWait);
      if (length <= 0) throw failure('netlink answer', c.errno());
      for (const answer of readAcknowledgements(datagram.subarray(0, length))) {
        if (answer.errno !== 0) throw failure(messages[answer.sequence - 1]?.what ?? 'batch', answer.errno);
        seen++;
      }
    }
  } finally {
    c.close(fd);
  }
}
