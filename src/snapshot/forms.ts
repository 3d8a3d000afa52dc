/** Forms of single values in a snapshot: what a port, a name, an address may look like. */
import { compilePattern } from '../pattern/pattern.ts';
import { oneOf, type Shape, SnapshotError, share, text, whole } from './shape.ts';

/** Node's timers take at most 2^31 - 1 ms; a larger delay would fire at once. */
const maxTimeoutMs = 2 ** 31 - 1;
const octet = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const tokenCharacters = "!#$%&'*+.^_`|~0-9";

/** Any text but the empty one. */
export const name = text(/^.+$/s, 'a name');
/** Any text. */
export const anyText = text();
/** A port that can be dialled. */
export const port = whole(1, 65535);
/** A time of at least one millisecond that a timer can wait. */
export const durationMs = whole(1, maxTimeoutMs);
/** As `durationMs`, but no time at all is one too. */
export const delayMs = whole(0, maxTimeoutMs);
/** 0 to 100, fractions allowed. */
export const percent = share(100);
/** Status of a final answer. */
export const finalStatus = whole(200, 599);
/** An IPv4 address. */
export const ipv4 = text(new RegExp(`^${octet}(?:\\.${octet}){3}$`), 'an IPv4 address');
/** A SPIFFE ID. */
export const spiffe = text(/^spiffe:\/\/[a-z0-9._-]+(?:\/[A-Za-z0-9._-]+)+$/, 'a SPIFFE ID');
/** A method as it is compared. */
export const method = text(new RegExp(`^[${tokenCharacters}A-Z-]+$`), 'a method in upper case');
/** A header name as it is compared. */
export const headerName = text(new RegExp(`^[${tokenCharacters}a-z-]+$`), 'a header name in lower case');
/** The name of a cookie, which stands in a head as it is. */
export const cookieName = text(new RegExp(`^[${tokenCharacters}A-Za-z-]+$`), 'a cookie name');
/** The path of a cookie: a `;` would begin its next attribute. */
export const cookiePath = text(/^[^\0-\x20;\x7f]*$/, 'a path without spaces and semicolons');
/** What may stand on one line of a head: anything else could start a line of its own. */
export const fieldText = text(/^[^\0-\x08\x0a-\x1f\x7f]*$/, 'one line of text');
/** A path that can be written into a request line or a `location`. */
export const pathText = text(/^[^\0-\x20\x7f]*$/, 'a path without spaces');
/** A DNS name. */
export const dnsName = text(/^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/, 'a lower-case DNS name');
/** The name of a server, or its IPv4 or IPv6 address. */
export const serverAddress = text(/^[a-z0-9_.:-]+$/, 'a lower-case host or an IP address');
/** Hosts that a virtual host answers for. */
export const domain = text(
  /^(?:\*|(?:\*\.)?[a-z0-9_.:[\]-]*[a-z0-9_\]]|[a-z0-9_][a-z0-9_.-]*\.\*)$/,
  'a lower-case host, *.suffix, prefix.* or *',
);
/** What a listener speaks. */
export const protocol = oneOf('http', 'tcp', 'auto');
/** What a server is spoken to. */
export const upstreamProtocol = oneOf('preserve', 'http1', 'http2');

/** A condition whose pattern compiles: it is refused here, with its path, before anything is built from it. */
export function withPattern<T extends { readonly kind: string; readonly value: string }>(shape: Shape<T>): Shape<T> {
  return (value, path) => {
    const match = shape(value, path);
    if (match.kind === 'regex') checkPattern(match.value, `${path}.value`);
    return match;
  };
}

/** A pattern by itself. */
export const pattern: Shape<string> = (value, path) => {
  const source = name(value, path);
  checkPattern(source, path);
  return source;
};

function checkPattern(source: string, path: string): void {
  try {
    compilePattern(source);
  } catch {
    throw new SnapshotError(path, `not a regular expression: ${JSON.stringify(source)}`);
  }
}
