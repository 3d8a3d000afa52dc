/** What a field is to a message. `malformed`: its name or value may not occur in HTTP/2 at all. */
export type FieldKind =
  | 'plain'
  | 'method'
  | 'scheme'
  | 'authority'
  | 'path'
  | 'protocol'
  | 'status'
  | 'host'
  | 'cookie'
  | 'te'
  | 'content-length'
  | 'malformed';

const kinds: ReadonlyMap<string, FieldKind> = new Map<string, FieldKind>([
  [':method', 'method'],
  [':scheme', 'scheme'],
  [':authority', 'authority'],
  [':path', 'path'],
  [':protocol', 'protocol'],
  [':status', 'status'],
  ['host', 'host'],
  ['cookie', 'cookie'],
  ['te', 'te'],
  ['content-length', 'content-length'],
  // Fields of one HTTP/1 connection. @see RFC 9113 §8.2.2
  ['connection', 'malformed'],
  ['keep-alive', 'malformed'],
  ['proxy-connection', 'malformed'],
  ['transfer-encoding', 'malformed'],
  ['upgrade', 'malformed'],
  ['http2-settings', 'malformed'],
]);

const properName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** CR, LF and NUL would split the head on its way to HTTP/1; other controls are no better. Space at the ends has to be gone already. @see RFC 9113 §8.2.1 */
const improperValue = /[^\t\x20-\x7e\x80-\xff]|^[\t ]|[\t ]$/;

/** One field as it was decoded; judged once, also where a table gives it again and again. */
export class HeaderField {
  readonly name: string;
  readonly value: string;
  readonly kind: FieldKind;
  /** As a line of canonical text; the empty string for a malformed one and a pseudo-header. */
  readonly line: string;

  constructor(name: string, value: string) {
    this.name = name;
    this.value = value;
    this.kind = improperValue.test(value) ? 'malformed' : (kinds.get(name) ?? (properName.test(name) ? 'plain' : 'malformed'));
    this.line = this.kind === 'malformed' || name.startsWith(':') ? '' : `${name}: ${value}\r\n`;
  }

  /** Size in a table and against limits, in bytes. @see RFC 7541 §4.1 */
  get size(): number {
    return this.name.length + this.value.length + 32;
  }
}
