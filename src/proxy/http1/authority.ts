import { hostByte } from './chars.ts';

/** Whether `text` is `host` or `host:port` with a plain name, IPv4 address or bracketed IPv6 address. @see RFC 9110 §7.2 */
export function isAuthority(text: string): boolean {
  let p = 0;
  if (text.charCodeAt(0) === 91) {
    p = text.indexOf(']') + 1;
    if (p < 4 || !/^[0-9A-Fa-f:.]+$/.test(text.slice(1, p - 1))) return false;
  } else {
    while (p < text.length && hostByte[text.charCodeAt(p) & 255] === 1) p++;
    if (p === 0) return false;
  }
  if (p === text.length) return true;
  const digits = text.length - p - 1;
  if (text.charCodeAt(p) !== 58 || digits < 1 || digits > 5) return false;
  let port = 0;
  for (p++; p < text.length; p++) {
    const digit = text.charCodeAt(p) - 48;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
  }
  return port <= 65535;
}

/** The host of an authority as names are compared: lower case, without port and trailing dot. */
export function hostOf(authority: string): string {
  const end = authority.startsWith('[') ? authority.indexOf(']') + 1 : authority.indexOf(':');
  const host = (end <= 0 ? authority : authority.slice(0, end)).toLowerCase();
  return host.endsWith('.') ? host.slice(0, -1) : host;
}
