/** Netlink wire format: headers and attributes. @see linux/netlink.h, linux/netfilter/nfnetlink.h */

/** One message of an nf_tables batch before it gets its number. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  /** NFPROTO_IPV4 2, NFPROTO_IPV6 10, unspecified 0. */
  readonly family: number;
  /** Big-endian in the header; the subsystem in batch marks. */
  readonly resource: number;
  readonly attributes: readonly Buffer[];
  /** For error texts: what this message does. */
  readonly what: string;
}

const nested = 0x8000;

/** Attribute: 16-bit length and type in host order, padded to four bytes. */
export function attribute(type: number, ...contents: readonly Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  const padded = Buffer.alloc((4 + body.length + 3) & ~3);
  padded.writeUInt16LE(4 + body.length, 0);
  padded.writeUInt16LE(type, 2);
  body.copy(padded, 4);
  return padded;
}

/** Attribute that holds attributes. */
export function nest(type: number, ...contents: readonly Buffer[]): Buffer {
  return attribute(type | nested, ...contents);
}

/** Attribute with a 32-bit number, big-endian as nf_tables wants it. */
export function number(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return attribute(type, bytes);
}

/** Attribute with a zero-terminated text. */
export function name(type: number, value: string): Buffer {
  return attribute(type, Buffer.from(`${value}\0`, 'latin1'));
}

/** nlmsghdr + nfgenmsg + attributes. x64 and arm64 are both little-endian. */
export function encodeMessage(message: NetlinkMessage, sequence: number): Buffer {
  const body = Buffer.concat(message.attributes);
  const head = Buffer.alloc(20);
  head.writeUInt32LE(20 + body.length, 0);
  head.writeUInt16LE(message.type, 4);
  head.writeUInt16LE(message.flags, 6);
  head.writeUInt32LE(sequence, 8);
  head.writeUInt8(message.family, 16);
  head.writeUInt16BE(message.resource, 18);
  return Buffer.concat([head, body]);
}

/** The kernel's answer to one message. */
export interface Acknowledgement {
  readonly sequence: number;
  /** 0, or a positive errno. */
  readonly errno: number;
}

const errorType = 2;

/** Acknowledgements in a datagram; other messages are passed over. */
export function readAcknowledgements(datagram: Buffer): Acknowledgement[] {
  const found: Acknowledgement[] = [];
  for (let at = 0; at + 16 <= datagram.length; ) {
    const length = datagram.readUInt32LE(at);
    if (length < 16 || at + length > datagram.length) break;
    if (datagram.readUInt16LE(at + 4) === errorType && length >= 36) {
      found.push({ sequence: datagram.readUInt32LE(at + 24), errno: -datagram.readInt32LE(at + 16) });
    }
    at += (length + 3) & ~3;
  }
  return found;
}
