import type { FieldSection } from './field-section.ts';
import { bit, field } from './known-field.ts';

/** How a message's end is found. `-1` chunked, `-2` until the connection closes, otherwise the length in bytes. */
export type BodyLength = number;
/** The chunked coding tells the end. */
export const chunkedBody = -1;
/** The end of the connection is the end of the body. */
export const untilClose = -2;
/** The fields contradict each other or are malformed; servers would differ in where the message ends. */
export const badFraming = -3;

/** Largest length taken: 15 digits stay exact in a double. */
const maxDigits = 15;

/**
 * What the fields say about the body: `otherwise` where they say nothing. Exactly one canonical reading is accepted: one Content-Length of decimal digits, or
 * one Transfer-Encoding that is `chunked`, never both. @see RFC 9112 §6.3, §11.2
 */
export function bodyLength(fields: FieldSection, bytes: Uint8Array, otherwise: BodyLength): BodyLength {
  const framed = fields.seen & (bit(field.contentLength) | bit(field.transferEncoding));
  if (framed === 0) return otherwise;
  if ((fields.repeated & framed) !== 0) return badFraming;
  if (framed === bit(field.transferEncoding)) return isChunked(fields, bytes) ? chunkedBody : badFraming;
  if (framed !== bit(field.contentLength)) return badFraming;
  const i = fields.find(field.contentLength);
  const start = fields.valueStart(i);
  const end = fields.valueEnd(i);
  if (end === start || end - start > maxDigits) return badFraming;
  if (bytes[start] === 48 && end - start > 1) return badFraming;
  let length = 0;
  for (let p = start; p < end; p++) {
    const digit = (bytes[p] ?? 0) - 48;
    if (digit < 0 || digit > 9) return badFraming;
    length = length * 10 + digit;
  }
  return length;
}

const chunked = Buffer.from('chunked', 'latin1');

function isChunked(fields: FieldSection, bytes: Uint8Array): boolean {
  const i = fields.find(field.transferEncoding);
  const start = fields.valueStart(i);
  if (fields.valueEnd(i) - start !== chunked.length) return false;
  return chunked.every((byte, k) => ((bytes[start + k] ?? 0) | 32) === byte);
}
