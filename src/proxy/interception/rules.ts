/** What is intercepted in a pod's network namespace, as data. Pure. */
import { isIPv4 } from 'node:net';
import { ports, sidecarUid } from '../../snapshot/ports.ts';

/** One condition of a rule; all must hold. */
export type Condition =
  | { readonly kind: 'uid'; readonly uid: number }
  | { readonly kind: 'protocol'; readonly protocol: 'tcp' | 'udp' }
  /** Address in network order. */
  | { readonly kind: 'destination'; readonly address: Buffer }
  /** 127.0.0.0/8: the first byte decides. */
  | { readonly kind: 'destination-first-byte'; readonly value: number }
  | { readonly kind: 'port'; readonly port: number }
  | { readonly kind: 'out-loopback' };

/** First rule whose conditions all hold decides. */
export interface Rule {
  readonly conditions: readonly Condition[];
  /** `leave`: not intercepted. A number: redirected to this port of the sidecar. */
  readonly verdict: 'leave' | number;
}

/** Rules of one address family. */
export interface RuleSet {
  readonly family: 'ip' | 'ip6';
  readonly output: readonly Rule[];
  readonly prerouting: readonly Rule[];
}

const tcp: Condition = { kind: 'protocol', protocol: 'tcp' };
const udp: Condition = { kind: 'protocol', protocol: 'udp' };
const sidecar: Condition = { kind: 'uid', uid: sidecarUid };

/**
 * The rules for a workload's pod.
 * @param nameservers addresses of /etc/resolv.conf: only these are redirected. Redirecting all of port 53 makes an endless loop, because the
 * Docker engine asks its own upstream from inside the namespace as root.
 */
export function interceptionRules(family: 'ip' | 'ip6', nameservers: readonly string[]): RuleSet {
  const v4 = family === 'ip';
  const loopback: Condition = v4
    ? { kind: 'destination-first-byte', value: 127 }
    : { kind: 'destination', address: ipv6Bytes('::1') };
  const dns = nameservers
    .filter(address => isIPv4(address) === v4)
    .map((address): Condition => ({ kind: 'destination', address: v4 ? ipv4Bytes(address) : ipv6Bytes(address) }));
  const own = Object.values(ports).map((port): Condition => ({ kind: 'port', port }));
  return {
    family,
    output: [
      // An app that calls its own service may get its own pod: the sidecar then speaks mTLS to itself, not to the app.
      { conditions: [sidecar, loopback], verdict: 'leave' },
      ...own.map(port => ({ conditions: [sidecar, port], verdict: 'leave' as const })),
      { conditions: [sidecar, { kind: 'out-loopback' }, tcp], verdict: ports.inbound },
      // The sidecar's other connections, or they would come back to it for ever.
      { conditions: [sidecar], verdict: 'leave' },
      // Before the loopback rule: Docker's nameserver is 127.0.0.11.
      ...dns.flatMap(server =>
        [udp, tcp].map(protocol => ({ conditions: [server, protocol, { kind: 'port', port: 53 } as const], verdict: ports.dns })),
      ),
      { conditions: [loopback], verdict: 'leave' },
      { conditions: [{ kind: 'out-loopback' }], verdict: 'leave' },
      { conditions: [tcp], verdict: ports.outbound },
    ],
    prerouting: [
      ...own.map(port => ({ conditions: [tcp, port], verdict: 'leave' as const })),
      { conditions: [tcp], verdict: ports.inbound },
    ],
  };
}

/** Bytes of a dotted IPv4 address. */
function ipv4Bytes(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

/** Bytes of an IPv6 address without zone. */
export function ipv6Bytes(address: string): Buffer {
  // The URL parser writes the one canonical form, mixed notation resolved; one "::" at most is left.
  const canonical = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1);
  const [left = '', right] = canonical.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const groups = [...head, ...new Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
  const bytes = Buffer.alloc(16);
  groups.forEach((group, index) => {
    bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  });
  return bytes;
}
