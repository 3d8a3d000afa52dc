import { isAuthority } from './authority.ts';
import { cr, lf, methodByte, space, targetByte } from './chars.ts';
import { badMessage, FieldSection, incomplete } from './field-section.ts';
import { type BodyLength, badFraming, bodyLength, chunkedBody } from './framing.ts';
import { bit, field, hopByHop } from './known-field.ts';

const versionPrefix = Buffer.from('HTTP/1.', 'latin1');
const versionUnsupported = -505;
const methodNotAllowed = -405;
const expectationFailed = -417;
/** RFC 9112 §2.2 asks to skip at least one empty line before a request. */
const maxEmptyLines = 2;
const maxMethodBytes = 24;
const none: readonly string[] = [];

/** A head as it came, to be read again when it is needed once more. */
export interface KeptHead {
  readonly text: string;
  readonly body: BodyLength;
}

/**
 * Reads one request head at a time and answers questions about it until the next one is read: one object serves all connections, because a head is dealt
 * with in one go. Holds one latin1 string of the head; fields are offsets into it.
 */
export class RequestHead {
  readonly fields: FieldSection = new FieldSection();
  method = '';
  /** As forwarded: origin form, or `*`. */
  target = '';
  /** As the client wrote it, with port. */
  authority = '';
  /** Minor version of HTTP/1. */
  minor = 1;
  body: BodyLength = 0;
  /** Whether the client wants the connection to live on. */
  keepAlive = true;
  /** A WebSocket handshake. */
  websocket = false;
  #text = '';
  #base = 0;
  #asItLies = false;

  /** Reads a head from `start`. Returns the position after it, `incomplete`, or the negative status to refuse it with. */
  read(bytes: Buffer, start: number, limit: number): number {
    let p = start;
    for (let empty = 0; bytes[p] === cr && p < limit; empty++) {
      if (empty === maxEmptyLines) return badMessage;
      if (p + 1 >= limit) return incomplete;
      if (bytes[p + 1] !== lf) return badMessage;
      p += 2;
    }
    const methodStart = p;
    while (p < limit && methodByte[bytes[p] ?? 0] === 1) p++;
    if (p - methodStart > maxMethodBytes) return badMessage;
    if (p >= limit) return incomplete;
    if (bytes[p] !== space || p === methodStart) return badMessage;
    const targetStart = ++p;
    while (p < limit && targetByte[bytes[p] ?? 0] === 1) p++;
    if (p >= limit) return incomplete;
    if (bytes[p] !== space || p === targetStart) return badMessage;
    const targetEnd = p++;
    for (let i = 0; i < versionPrefix.length; i++, p++) {
      if (p >= limit) return incomplete;
      if (bytes[p] !== versionPrefix[i]) return i < 5 ? badMessage : versionUnsupported;
    }
    if (p >= limit) return incomplete;
    const minor = (bytes[p++] ?? 0) - 48;
    if (minor !== 0 && minor !== 1) return versionUnsupported;
    if (p >= limit) return incomplete;
    if (bytes[p] !== cr) return badMessage;
    if (p + 1 >= limit) return incomplete;
    if (bytes[p + 1] !== lf) return badMessage;
    const end = this.fields.read(bytes, p + 2, limit);
    if (end <= 0) return end;
    this.minor = minor;
    this.#text = bytes.toString('latin1', methodStart, end);
    this.#base = methodStart;
    this.method = this.#text.substring(0, targetStart - 1 - methodStart);
    this.target = this.#text.substring(targetStart - methodStart, targetEnd - methodStart);
    const refused = this.#judge(bytes);
    return refused === 0 ? end : refused;
  }

  /** What `restore` needs, whatever is changed until then. */
  keep(): KeptHead {
    return { text: this.#text, body: this.body };
  }

  /** Reads a head once more that was a good one. */
  restore({ text, body }: KeptHead): void {
    const bytes = Buffer.from(text, 'latin1');
    this.read(bytes, 0, bytes.length);
    // HTTP/2 may have told it otherwise than by a field.
    this.body = body;
  }

  /** Value of the first field with this known id; the empty string where there is none. */
  value(id: number): string {
    const i = this.fields.has(id) ? this.fields.find(id) : -1;
    return i < 0 ? '' : this.#value(i);
  }

  /** Value of all fields with this lower-case name, joined by a comma as RFC 9110 §5.3 allows; `null` where there is none. */
  named(name: string): string | null {
    const written = this.#written?.get(name);
    if (written !== undefined) return written;
    let joined: string | null = null;
    for (let i = 0; i < this.fields.count; i++) {
      if (!this.fields.isNamed(i, this.#text, this.#base, name)) continue;
      joined = joined === null ? this.#value(i) : `${joined},${this.#value(i)}`;
    }
    return joined;
  }

  /** Value of each field with this lower-case name, in order. */
  values(name: string): readonly string[] {
    const written = this.#written?.get(name);
    if (written !== undefined) return written === null ? none : [written];
    let found: string[] | null = null;
    for (let i = 0; i < this.fields.count; i++) {
      if (!this.fields.isNamed(i, this.#text, this.#base, name)) continue;
      if (found === null) found = [this.#value(i)];
      else found.push(this.#value(i));
    }
    return found ?? none;
  }

  /** The head to send upstream, but for the empty line that ends it: canonical, without the fields of `cut`, those of this hop and framing. `extra`: whole lines. */
  forward(cut: number, extra: string): string {
    const remove = cut | hopByHop | bit(field.lookalike);
    let out: string;
    if (this.#asItLies && (this.fields.seen & remove) === 0) out = this.#text.substring(0, this.fields.end - this.#base);
    else
      out = `${this.method} ${this.target} HTTP/1.1\r\n${this.#hostLine()}${this.fields.lines(this.#text, this.#base, remove | this.#hostCut())}`;
    if (this.#written !== null) for (const [name, value] of this.#written) if (value !== null) out += `${name}: ${value}\r\n`;
    return out + extra;
  }

  #rewritten = false;
  /** Fields that were set, by lower-case name; `null`: taken out. */
  #written: Map<string, string | null> | null = null;

  #hostCut(): number {
    return this.#rewritten ? bit(field.host) : 0;
  }

  #hostLine(): string {
    return this.#rewritten ? `Host: ${this.authority}\r\n` : '';
  }

  #value(i: number): string {
    return this.#text.substring(this.fields.valueStart(i) - this.#base, this.fields.valueEnd(i) - this.#base);
  }

  /** Leaves out every field of this lower-case name when the head is forwarded. */
  drop(name: string): void {
    this.fields.nominate(this.#text, this.#base, name);
    if (this.#written?.has(name)) this.#written.set(name, null);
  }

  /**
   * Puts one field in place of all of this lower-case name and of those that CGI-like servers take for it (`X_User`); `null`: none. Whoever asks for the field
   * from now on gets this one. `value`: latin1, one line.
   */
  set(name: string, value: string | null): void {
    this.fields.nominate(this.#text, this.#base, name, true);
    this.#written ??= new Map();
    this.#written.set(name, value);
  }

  /** Whole lines of the fields whose lower-case name is `wanted`, without the known fields of `cut` and those of this hop. */
  select(cut: number, wanted: (name: string) => boolean): string {
    let lines = this.fields.select(this.#text, this.#base, cut | hopByHop | bit(field.lookalike), wanted);
    for (const [name, value] of this.#written ?? []) if (value !== null && wanted(name)) lines += `${name}: ${value}\r\n`;
    return lines;
  }

  /** Replaces the authority. */
  setAuthority(authority: string): void {
    this.authority = authority;
    this.#rewritten = true;
    this.#asItLies = false;
  }

  /** Replaces the path (the query stays), e.g. by its normal form. */
  setPath(path: string): void {
    const query = this.target.indexOf('?');
    this.target = query < 0 ? path : path + this.target.substring(query);
    this.#asItLies = false;
  }

  /** Replaces the query; the empty string: none. */
  setQuery(query: string): void {
    const start = this.target.indexOf('?');
    const path = start < 0 ? this.target : this.target.substring(0, start);
    this.target = query === '' ? path : `${path}?${query}`;
    this.#asItLies = false;
  }

  /** What one field alone does not tell. Returns 0 or the negative status. */
  #judge(bytes: Buffer): number {
    const fields = this.fields;
    this.#asItLies = this.minor === 1;
    this.#rewritten = false;
    this.#written = null;
    this.keepAlive = this.minor === 1;
    this.websocket = false;
    if (!fields.has(field.host) || (fields.repeated & bit(field.host)) !== 0) return badMessage;
    this.authority = this.value(field.host);
    if (!isAuthority(this.authority)) return badMessage;
    if (this.target.charCodeAt(0) !== 47) {
      const refused = this.#otherForm();
      if (refused !== 0) return refused;
    }
    // TRACE would echo credentials; CONNECT would make the mesh an open tunnel.
    if (this.method === 'CONNECT' || this.method === 'TRACE') return methodNotAllowed;
    this.body = bodyLength(fields, bytes, 0);
    if (this.body === badFraming || (this.body === chunkedBody && this.minor === 0)) return badMessage;
    if (fields.has(field.connection) && !this.#readConnection()) return badMessage;
    if (fields.has(field.expect)) {
      if ((fields.repeated & bit(field.expect)) !== 0 || this.value(field.expect).toLowerCase() !== '100-continue')
        return expectationFailed;
      if (this.minor === 0) fields.nominate(this.#text, this.#base, 'expect');
    }
    return 0;
  }

  /** `*` and `http://host/path`. @see RFC 9112 §3.2.2, §3.2.4 */
  #otherForm(): number {
    if (this.method === 'CONNECT') return methodNotAllowed;
    if (this.target === '*') return this.method === 'OPTIONS' ? 0 : badMessage;
    const parts = /^http:\/\/([^/?@]+)(\/[^?]*)?(\?.*)?$/i.exec(this.target);
    const authority = parts?.[1];
    if (authority === undefined || !isAuthority(authority)) return badMessage;
    if (authority.toLowerCase() !== this.authority.toLowerCase()) return badMessage;
    this.authority = authority;
    this.target = `${parts?.[2] ?? '/'}${parts?.[3] ?? ''}`;
    this.#rewritten = true;
    this.#asItLies = false;
    return 0;
  }

  /** Reads the `Connection` lines. Returns whether they may be obeyed. */
  #readConnection(): boolean {
    const fields = this.fields;
    let upgrade = false;
    for (let i = fields.find(field.connection); i >= 0; i = fields.find(field.connection, i + 1)) {
      for (const raw of this.#value(i).split(',')) {
        const token = raw.trim().toLowerCase();
        if (token === 'close') this.keepAlive = false;
        else if (token === 'keep-alive') this.keepAlive = this.keepAlive || (this.minor === 0 && !this.#closing());
        else if (token === 'upgrade') upgrade = true;
        // Taking these out would change where the message ends or whom it is for.
        else if (token === 'host' || token === 'content-length' || token === 'transfer-encoding') return false;
        else if (token !== '' && token !== 'connection') fields.nominate(this.#text, this.#base, token);
      }
    }
    this.websocket =
      upgrade &&
      this.method === 'GET' &&
      this.minor === 1 &&
      this.body === 0 &&
      this.value(field.upgrade).toLowerCase() === 'websocket';
    return true;
  }

  #closing(): boolean {
    return /(^|,)\s*close\s*(,|$)/i.test(this.named('connection') ?? '');
  }
}
