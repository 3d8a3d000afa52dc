import { staticIndex, staticTable } from './static-table.ts';

/** Our own choice, also where the peer would take more. */
const maxTableBytes = 4096;
const firstDynamic = staticTable.length + 1;

/** Values that hardly come twice would only push others out of the table. */
const notIndexed: ReadonlySet<string> = new Set([
  ':path',
  'age',
  'content-length',
  'content-range',
  'etag',
  'grpc-timeout',
  'if-modified-since',
  'if-none-match',
  'last-modified',
  'location',
  'traceparent',
  'tracestate',
  'x-b3-spanid',
  'x-b3-traceid',
  'x-envoy-upstream-service-time',
  'x-request-id',
]);
/** A guess at a secret must not be confirmed by the size of a block. @see RFC 7541 §7.1.3 */
const neverIndexed: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization', 'set-cookie']);
/** Fields of an HTTP/1 connection or of its WebSocket handshake, and what HTTP/2 says with pseudo-headers. */
const leftOut: ReadonlySet<string> = new Set([
  'connection',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'sec-websocket-accept',
  'sec-websocket-key',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** How fields of one name are coded. */
interface NameCode {
  readonly name: string;
  readonly mode: 'index' | 'literal' | 'leave-out';
  /** What comes before the value. */
  readonly prefix: string;
}

const names = new Map<string, NameCode>();
/** Names come from outside: the memory of them has an end. */
const maxNames = 2048;

const bytes: readonly string[] = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));

/** `n` in a prefix of which `mask` has the bits set; `first` are the other bits of its byte. */
function number(n: number, mask: number, first: number): string {
  if (n < mask) return bytes[first | n] ?? '';
  let out = bytes[first | mask] ?? '';
  let rest = n - mask;
  for (; rest >= 128; rest >>>= 7) out += bytes[(rest & 127) | 128] ?? '';
  return out + (bytes[rest] ?? '');
}

/** A string without Huffman coding: on a local network the bytes saved are worth less than the work. */
function text(value: string): string {
  return number(value.length, 0x7f, 0) + value;
}

function nameCode(raw: string): NameCode {
  const known = names.get(raw);
  if (known !== undefined) return known;
  const name = raw.toLowerCase();
  const mode = leftOut.has(name) ? 'leave-out' : notIndexed.has(name) || neverIndexed.has(name) ? 'literal' : 'index';
  const index = staticIndex(name);
  const [mask, first] = mode === 'index' ? [0x3f, 0x40] : [0x0f, neverIndexed.has(name) ? 0x10 : 0];
  const code: NameCode = { name, mode, prefix: number(index, mask, first) + (index === 0 ? text(name) : '') };
  if (names.size >= maxNames) names.clear();
  names.set(raw, code);
  return code;
}

const statusCodes: ReadonlyMap<number, string> = new Map(
  staticTable.flatMap((field, i) =>
    field.name === ':status' ? [[Number(field.value), number(i + 1, 0x7f, 0x80)] as const] : [],
  ),
);
const methodCodes: ReadonlyMap<string, string> = new Map([
  ['GET', bytes[0x82] ?? ''],
  ['POST', bytes[0x83] ?? ''],
]);

/** From `start` on without space and tab at the ends; `trim` would take obs-text (0xA0) too. */
function trimmed(line: string, start: number): string {
  let from = start;
  let to = line.length;
  while (from < to && isBlank(line.charCodeAt(from))) from++;
  while (to > from && isBlank(line.charCodeAt(to - 1))) to--;
  return line.substring(from, to);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

const teTrailers: string = number(0, 0x0f, 0) + text('te') + text('trailers');

/** Encodes the heads of one connection, in order, into latin1 text. @see RFC 7541 */
export class HpackEncoder {
  /** Line → its number among all that were ever added. */
  readonly #known = new Map<string, number>();
  /** Lines in the table, oldest first from `#oldest` on. */
  #lines: string[] = [];
  readonly #sizes: number[] = [];
  #oldest = 0;
  #added = 0;
  #bytes = 0;
  #limit = maxTableBytes;
  /** Smallest limit since the last block, `-1` where nothing is to be told. */
  #tell = -1;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  set tableSize(limit: number) {
    const wanted = Math.min(limit, maxTableBytes);
    if (wanted === this.#limit) return;
    this.#tell = this.#tell < 0 ? wanted : Math.min(this.#tell, wanted);
    this.#limit = wanted;
    this.#evict(wanted);
  }

  /** To be called first for each block. */
  begin(): string {
    if (this.#tell < 0) return '';
    const smallest = number(this.#tell, 0x1f, 0x20);
    const out = this.#tell === this.#limit ? smallest : smallest + number(this.#limit, 0x1f, 0x20);
    this.#tell = -1;
    return out;
  }

  /** `:status`. */
  status(status: number): string {
    return statusCodes.get(status) ?? this.#field(`:status: ${status}`, 7);
  }

  /** The pseudo-headers of a request; `protocol` (extended CONNECT) is left out where it is empty. */
  request(method: string, scheme: 'http' | 'https', authority: string, path: string, protocol: string): string {
    const out =
      (methodCodes.get(method) ?? this.#field(`:method: ${method}`, 7)) +
      (bytes[scheme === 'http' ? 0x86 : 0x87] ?? '') +
      (authority === '' ? '' : this.#field(`:authority: ${authority}`, 10)) +
      (path === '/' ? (bytes[0x84] ?? '') : this.#field(`:path: ${path}`, 5));
    return protocol === '' ? out : out + this.#field(`:protocol: ${protocol}`, 9);
  }

  /** The one `te` that HTTP/2 knows. */
  teTrailers(): string {
    return teTrailers;
  }

  /** Whole lines, each with its CRLF, from position `from` on; fields of an HTTP/1 connection and `host` are left out. */
  lines(lines: string, from: number): string {
    let out = '';
    for (let start = from; start < lines.length; ) {
      const end = lines.indexOf('\r\n', start);
      if (end < 0 || end === start) break;
      out += this.#line(lines.substring(start, end));
      start = end + 2;
    }
    return out;
  }

  #line(line: string): string {
    const known = this.#known.get(line);
    if (known !== undefined) return number(firstDynamic + this.#added - 1 - known, 0x7f, 0x80);
    return this.#field(line, line.indexOf(':'));
  }

  /** `colon`: position after the name. */
  #field(line: string, colon: number): string {
    const known = this.#known.get(line);
    if (known !== undefined) return number(firstDynamic + this.#added - 1 - known, 0x7f, 0x80);
    const code = nameCode(line.substring(0, colon));
    if (code.mode === 'leave-out') return '';
    const value = trimmed(line, colon + 1);
    if (code.mode === 'index') this.#add(line, code.name.length + value.length + 32);
    return code.prefix + text(value);
  }

  #add(line: string, size: number): void {
    this.#evict(this.#limit - size);
    if (size > this.#limit) return;
    this.#known.set(line, this.#added++);
    this.#lines.push(line);
    this.#sizes.push(size);
    this.#bytes += size;
  }

  #evict(limit: number): void {
    while (this.#bytes > limit && this.#oldest < this.#lines.length) {
      this.#known.delete(this.#lines[this.#oldest] ?? '');
      this.#bytes -= this.#sizes[this.#oldest++] ?? 0;
    }
    if (this.#oldest < 256) return;
    this.#lines = this.#lines.slice(this.#oldest);
    this.#sizes.splice(0, this.#oldest);
    this.#oldest = 0;
  }
}
