/** The few DER pieces that a CSR, a self-signed certificate and the reading of extensions need. @see X.690 */

/** Tag numbers as they stand in the first byte. */
export const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  generalizedTime: 0x18,
} as const;

/** One element: tag, length, contents. */
export function der(tagByte: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tagByte]), lengthOf(body.length), body]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  if (length < 0x100) return Buffer.from([0x81, length]);
  return Buffer.from([0x82, length >> 8, length & 0xff]);
}

/** SEQUENCE of the elements given. */
export function sequence(...elements: readonly Uint8Array[]): Buffer {
  return der(tag.sequence, ...elements);
}

/** OBJECT IDENTIFIER from its dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...arcs] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of arcs) {
    const groups = [arc & 0x7f];
    for (let rest = arc >>> 7; rest > 0; rest >>>= 7) groups.unshift((rest & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(tag.oid, Buffer.from(bytes));
}

/** BIT STRING of whole bytes. */
export function bitString(bytes: Uint8Array): Buffer {
  return der(tag.bitString, Buffer.from([0]), bytes);
}

/** GeneralizedTime to the second. */
export function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '');
  return der(tag.generalizedTime, Buffer.from(text, 'latin1'));
}

/** A PEM block with 64-column lines. */
export function pem(label: string, body: Uint8Array): string {
  const lines =
    Buffer.from(body)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** One element read: its tag byte and contents. */
export interface Element {
  readonly tag: number;
  readonly body: Buffer;
}

/**
 * The elements that follow one another in `bytes`.
 * @throws RangeError where the bytes are not DER of definite lengths
 */
export function elements(bytes: Buffer): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tagByte = bytes.readUInt8(at);
    let length = bytes.readUInt8(at + 1);
    let start = at + 2;
    if (length > 0x80) {
      const octets = length & 0x7f;
      if (octets > 4) throw new RangeError('DER length too long');
      length = bytes.readUIntBE(start, octets);
      start += octets;
    } else if (length === 0x80) throw new RangeError('indefinite length in DER');
    if (start + length > bytes.length) throw new RangeError('DER element runs over its end');
    found.push({ tag: tagByte, body: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return found;
}
