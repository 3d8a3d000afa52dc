/** Rules as nf_tables messages: a table `mesh` per family, swapped whole in one batch. @see linux/netfilter/nf_tables.h */
import { attribute, type NetlinkMessage, name, nest, number } from './netlink.ts';
import type { Condition, Rule, RuleSet } from './rules.ts';

const subsystem = 10;
const batchBegin = 0x10;
const batchEnd = 0x11;
const message = { newTable: 0, delTable: 2, newChain: 3, newRule: 6 } as const;
const flag = { request: 0x001, acknowledge: 0x004, append: 0x800, create: 0x400 } as const;
const families = { ip: 2, ip6: 10 } as const;
/** Just before Docker's own NAT rules at -100, which rewrite 127.0.0.11:53. */
const priority = -101;
const hooks = { prerouting: 0, output: 3 } as const;
const registerVerdict = 0;
const register1 = 1;
const accept = 1;
const returnVerdict = -5;
const metaKey = { outInterfaceType: 9, socketUid: 10, protocol: 16 } as const;
const protocols = { tcp: 6, udp: 17 } as const;
/** ARPHRD_LOOPBACK. */
const loopbackType = 772;
const tableName = 'mesh';

function expression(kind: string, ...attributes: readonly Buffer[]): Buffer {
  return nest(1, name(1, kind), nest(2, ...attributes));
}

function meta(key: number): Buffer {
  return expression('meta', number(1, register1), number(2, key));
}

function equals(value: Buffer): Buffer {
  return expression('cmp', number(1, register1), number(2, 0), nest(3, attribute(1, value)));
}

function payload(base: 'network' | 'transport', offset: number, length: number): Buffer {
  return expression('payload', number(1, register1), number(2, base === 'network' ? 1 : 2), number(3, offset), number(4, length));
}

function hostOrder(value: number, bytes: 2 | 4): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntLE(value, 0, bytes);
  return buffer;
}

function portBytes(port: number): Buffer {
  return Buffer.from([port >> 8, port & 0xff]);
}

function condition(given: Condition, family: RuleSet['family']): Buffer[] {
  // Where the destination address lies in the IP header.
  const destinationOffset = family === 'ip' ? 16 : 24;
  switch (given.kind) {
    case 'uid':
      return [meta(metaKey.socketUid), equals(hostOrder(given.uid, 4))];
    case 'protocol':
      return [meta(metaKey.protocol), equals(Buffer.from([protocols[given.protocol]]))];
    case 'destination':
      return [payload('network', destinationOffset, given.address.length), equals(given.address)];
    case 'destination-first-byte':
      return [payload('network', destinationOffset, 1), equals(Buffer.from([given.value]))];
    case 'port':
      return [payload('transport', 2, 2), equals(portBytes(given.port))];
    case 'out-loopback':
      return [meta(metaKey.outInterfaceType), equals(hostOrder(loopbackType, 2))];
  }
}

function verdict(given: Rule['verdict']): Buffer[] {
  if (given === 'leave') return [expression('immediate', number(1, registerVerdict), nest(2, nest(2, number(1, returnVerdict))))];
  return [
    expression('immediate', number(1, register1), nest(2, attribute(1, portBytes(given)))),
    expression('redir', number(1, register1)),
  ];
}

/** The whole batch. Adding the table before deleting it makes the deletion succeed the first time too. */
export function encodeTables(sets: readonly RuleSet[]): NetlinkMessage[] {
  const mark = (type: number, what: string): NetlinkMessage => ({
    type,
    flags: flag.request,
    family: 0,
    resource: subsystem,
    attributes: [],
    what,
  });
  return [mark(batchBegin, 'begin'), ...sets.flatMap(encodeTable), mark(batchEnd, 'end')];
}

function encodeTable(set: RuleSet): NetlinkMessage[] {
  const make = (type: number, flags: number, what: string, ...attributes: Buffer[]): NetlinkMessage => ({
    type: (subsystem << 8) | type,
    flags: flag.request | flag.acknowledge | flags,
    family: families[set.family],
    resource: 0,
    attributes,
    what: `${what} in ${set.family} ${tableName}`,
  });
  const table = name(1, tableName);
  const chain = (hook: 'output' | 'prerouting', rules: readonly Rule[]): NetlinkMessage[] => [
    make(
      message.newChain,
      flag.create,
      `chain ${hook}`,
      table,
      name(3, hook),
      nest(4, number(1, hooks[hook]), number(2, priority)),
      number(5, accept),
      name(7, 'nat'),
    ),
    ...rules.map((rule, index) =>
      make(
        message.newRule,
        flag.create | flag.append,
        `rule ${index + 1} of ${hook}`,
        table,
        name(2, hook),
        nest(4, ...rule.conditions.flatMap(each => condition(each, set.family)), ...verdict(rule.verdict)),
      ),
    ),
  ];
  return [
    make(message.newTable, flag.create, 'table', table),
    make(message.delTable, 0, 'old table', table),
    make(message.newTable, flag.create, 'table', table),
    ...chain('output', set.output),
    ...chain('prerouting', set.prerouting),
  ];
}
