/** Character classes of HTTP/1.1 heads as 256-entry tables: one load per byte. @see RFC 9110 §5.6.2, RFC 9112 §3 and §5 */

function table(accept: (code: number) => number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => accept(code));
}

const tchars = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** 1 for bytes of a field name. */
export const nameByte: Uint8Array = table(c => (tchars.includes(String.fromCharCode(c)) ? 1 : 0));
/** 1 for bytes of a field value: printable, space, tab and obs-text. CR, LF, NUL and the other controls are not. */
export const valueByte: Uint8Array = table(c => (c === 9 || (c >= 32 && c !== 127) ? 1 : 0));
/** 1 for bytes of a request target. `#` is refused: a fragment is never sent, and servers differ in what they make of it. */
export const targetByte: Uint8Array = table(c => (c > 32 && c < 127 && c !== 35 ? 1 : 0));
/** 1 for bytes of a method: upper-case letters and `-`, as every registered method has them. */
export const methodByte: Uint8Array = table(c => ((c >= 65 && c <= 90) || c === 45 ? 1 : 0));
/** 1 for bytes of a host name. `_` is not a DNS letter, but compose service names have it. */
export const hostByte: Uint8Array = table(c => (/[A-Za-z0-9._-]/.test(String.fromCharCode(c)) ? 1 : 0));
/** Value of a hexadecimal digit, 255 for any other byte. */
export const hexValue: Uint8Array = table(c => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(c).toLowerCase());
  return digit < 0 ? 255 : digit;
});
/** The byte of a field name in the form in which names are compared: lower case, `_` and `.` as `-` (CGI and PHP make them one). */
export const foldedByte: Uint8Array = table(c => (c >= 65 && c <= 90 ? c + 32 : c === 95 || c === 46 ? 45 : c));

/** HTAB. */
export const tab = 9;
/** LF. */
export const lf = 10;
/** CR. */
export const cr = 13;
/** SP. */
export const space = 32;
/** `:`. */
export const colon = 58;
