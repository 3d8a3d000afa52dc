/**
 * What a TLS client says before anything is encrypted: read, never changed, so that a connection can be passed on by its server name.
 * Strict: whatever does not follow RFC 8446 section 4.1.2 is no hello. @see RFC 6066 section 3 (server_name), RFC 7301 section 3.1 (ALPN)
 */

/** What was read so far. `more`: it is a hello as far as it goes. */
export type ClientHello =
  | { readonly kind: 'more' }
  | { readonly kind: 'invalid' }
  /** `serverName`: lower case; `null` where the client names none. `protocols`: what it offers by ALPN, latin1. */
  | { readonly kind: 'hello'; readonly serverName: string | null; readonly protocols: readonly string[] };

/** Envoy reads 16 KiB at most; a hello with post-quantum keys has about 2 KiB. */
export const maxHelloBytes = 16 * 1024;

const more: ClientHello = { kind: 'more' };
const invalid: ClientHello = { kind: 'invalid' };
const handshakeRecord = 22;
const clientHelloType = 1;
const serverNameExtension = 0;
const protocolsExtension = 16;
const hostNameType = 0;
const recordHeader = 5;
const handshakeHeader = 4;

/** Reads the first bytes of a connection, all that came up to now. Pure; a hello may be spread over several records. */
export function readClientHello(bytes: Buffer): ClientHello {
  const parts: Buffer[] = [];
  const head: number[] = [];
  let have = 0;
  let wanted = Number.POSITIVE_INFINITY;
  for (let at = 0; ; ) {
    if (at < bytes.length && bytes[at] !== handshakeRecord) return invalid;
    // Major version 3 in every TLS; the minor one says nothing here (RFC 8446 section 5.1).
    if (at + 1 < bytes.length && bytes[at + 1] !== 3) return invalid;
    if (at + recordHeader > bytes.length) return atMost(bytes);
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > 1 << 14) return invalid;
    const part = bytes.subarray(at + recordHeader, Math.min(at + recordHeader + length, bytes.length));
    parts.push(part);
    have += part.length;
    if (head.length < handshakeHeader) {
      head.push(...part.subarray(0, handshakeHeader - head.length));
      if (head.length > 0 && head[0] !== clientHelloType) return invalid;
      if (head.length === handshakeHeader) wanted = handshakeHeader + Buffer.from(head).readUIntBE(1, 3);
      if (head.length === handshakeHeader && wanted > maxHelloBytes) return invalid;
    }
    if (have >= wanted) return readBody(Buffer.concat(parts).subarray(handshakeHeader, wanted));
    if (part.length < length) return atMost(bytes);
    at += recordHeader + length;
  }
}

/** Also a hello in records of one byte each ends: reading it again with every packet must not become work without end. */
function atMost(bytes: Buffer): ClientHello {
  return bytes.length < maxHelloBytes ? more : invalid;
}

/** legacy_version, random, legacy_session_id, cipher_suites, legacy_compression_methods, extensions: nothing before, between or after. */
function readBody(body: Buffer): ClientHello {
  const fields = new Fields(body);
  fields.skip(2 + 32);
  fields.vector(1, 0, 32);
  fields.vector(2, 2, 0xfffe);
  fields.vector(1, 1, 255);
  // A hello without extensions is allowed up to TLS 1.2.
  if (fields.ok && fields.left === 0) return { kind: 'hello', serverName: null, protocols: [] };
  const extensions = new Fields(fields.vector(2, 0, 0xffff));
  if (!fields.ok || fields.left > 0) return invalid;
  const seen = new Set<number>();
  let serverName: string | null = null;
  let protocols: readonly string[] = [];
  while (extensions.ok && extensions.left > 0) {
    const type = extensions.number(2);
    const data = extensions.vector(2, 0, 0xffff);
    if (seen.has(type)) return invalid;
    seen.add(type);
    if (!extensions.ok) break;
    if (type === serverNameExtension) {
      serverName = readServerName(data);
      if (serverName === null) return invalid;
    } else if (type === protocolsExtension) {
      protocols = readProtocols(data);
      if (protocols.length === 0) return invalid;
    }
  }
  return extensions.ok ? { kind: 'hello', serverName, protocols } : invalid;
}

/** One name at least, none of them empty; nothing where it is otherwise. */
function readProtocols(data: Buffer): readonly string[] {
  const outer = new Fields(data);
  const list = new Fields(outer.vector(2, 2, 0xffff));
  const names: string[] = [];
  while (list.ok && list.left > 0) names.push(list.vector(1, 1, 255).toString('latin1'));
  return outer.ok && outer.left === 0 && list.ok ? names : [];
}

/** One name of type host_name: no server accepts more (RFC 6066: "MUST NOT contain more than one name of the same name_type"). */
function readServerName(data: Buffer): string | null {
  const outer = new Fields(data);
  const names = new Fields(outer.vector(2, 1, 0xffff));
  const type = names.number(1);
  const name = names.vector(2, 1, 255).toString('latin1');
  if (!outer.ok || outer.left > 0 || !names.ok || names.left > 0 || type !== hostNameType) return null;
  return /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$/.test(name) ? name.toLowerCase() : null;
}

/** Reads fields one after the other; once something does not fit, all else is empty. */
class Fields {
  ok = true;
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  skip(length: number): void {
    this.#take(length);
  }

  number(length: 1 | 2): number {
    const bytes = this.#take(length);
    return bytes.length < length ? 0 : bytes.readUIntBE(0, length);
  }

  /** A vector of TLS: its length in `prefix` bytes, then its bytes. */
  vector(prefix: 1 | 2, min: number, max: number): Buffer {
    const length = this.number(prefix);
    if (length < min || length > max) this.ok = false;
    return this.#take(length);
  }

  #take(length: number): Buffer {
    if (length > this.left) this.ok = false;
    if (!this.ok) return Buffer.alloc(0);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}
