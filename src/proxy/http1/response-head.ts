import { cr, lf, space, valueByte } from './chars.ts';
import { badMessage, FieldSection, incomplete } from './field-section.ts';
import { type BodyLength, badFraming, bodyLength, chunkedBody, untilClose } from './framing.ts';
import { bit, field, hopByHop } from './known-field.ts';

const versionPrefix = Buffer.from('HTTP/1.', 'latin1');

/** Reads one response head at a time; like `RequestHead`, one object serves all connections. */
export class ResponseHead {
  readonly fields: FieldSection = new FieldSection();
  status = 0;
  minor = 1;
  /** Length as the fields tell it; methods and statuses without a body are the caller's to know. */
  body: BodyLength = 0;
  /** Whether the server lets the connection live on. */
  keepAlive = true;
  #text = '';
  #base = 0;
  #fieldsFrom = 0;

  /** Reads a head from `start`. Returns the position after it, `incomplete`, or a negative number where it is not a proper HTTP/1 head. */
  read(bytes: Buffer, start: number, limit: number): number {
    let p = start;
    for (let i = 0; i < versionPrefix.length; i++, p++) {
      if (p >= limit) return incomplete;
      if (bytes[p] !== versionPrefix[i]) return badMessage;
    }
    if (limit - p < 6) return incomplete;
    this.minor = (bytes[p] ?? 0) - 48;
    if ((this.minor !== 0 && this.minor !== 1) || bytes[p + 1] !== space) return badMessage;
    const a = (bytes[p + 2] ?? 0) - 48;
    const b = (bytes[p + 3] ?? 0) - 48;
    const c = (bytes[p + 4] ?? 0) - 48;
    if (a < 1 || a > 5 || b < 0 || b > 9 || c < 0 || c > 9) return badMessage;
    this.status = a * 100 + b * 10 + c;
    p += 5;
    // Without a reason there should still be a space; some servers leave it out.
    if (bytes[p] !== space && bytes[p] !== cr) return badMessage;
    while (p < limit && valueByte[bytes[p] ?? 0] === 1) p++;
    if (p + 1 >= limit) return incomplete;
    if (bytes[p] !== cr || bytes[p + 1] !== lf) return badMessage;
    const end = this.fields.read(bytes, p + 2, limit);
    if (end <= 0) return end;
    this.#text = bytes.toString('latin1', start, end);
    this.#base = start;
    this.#fieldsFrom = p + 2 - start;
    this.body = bodyLength(this.fields, bytes, untilClose);
    if (this.body === badFraming || (this.body === chunkedBody && this.minor === 0)) return badMessage;
    this.keepAlive = this.minor === 1;
    if (this.fields.has(field.connection) && !this.#readConnection()) return badMessage;
    return end;
  }

  /** The head to send downstream, but for the empty line that ends it. `cut`: further fields to leave out. `extra`: whole lines. */
  forward(cut: number, extra: string): string {
    const remove = cut | hopByHop;
    if (this.minor === 1 && (this.fields.seen & remove) === 0)
      return this.#text.substring(0, this.fields.end - this.#base) + extra;
    return `HTTP/1.1${this.#text.substring(8, this.#fieldsFrom)}${this.fields.lines(this.#text, this.#base, remove)}${extra}`;
  }

  /** Value of the first field with this lower-case name; `null` where there is none. */
  named(name: string): string | null {
    for (let i = 0; i < this.fields.count; i++)
      if (this.fields.isNamed(i, this.#text, this.#base, name))
        return this.#text.substring(this.fields.valueStart(i) - this.#base, this.fields.valueEnd(i) - this.#base);
    return null;
  }

  /** Leaves out every field of this lower-case name when the head is forwarded. */
  drop(name: string): void {
    this.fields.nominate(this.#text, this.#base, name);
  }

  /** As `RequestHead.select`. */
  select(cut: number, wanted: (name: string) => boolean): string {
    return this.fields.select(this.#text, this.#base, cut | hopByHop, wanted);
  }

  /** Value of the first field with this known id; the empty string where there is none. */
  value(id: number): string {
    const i = this.fields.has(id) ? this.fields.find(id) : -1;
    return i < 0 ? '' : this.#text.substring(this.fields.valueStart(i) - this.#base, this.fields.valueEnd(i) - this.#base);
  }

  #readConnection(): boolean {
    const fields = this.fields;
    for (let i = fields.find(field.connection); i >= 0; i = fields.find(field.connection, i + 1)) {
      const value = this.#text.substring(fields.valueStart(i) - this.#base, fields.valueEnd(i) - this.#base);
      for (const raw of value.split(',')) {
        const token = raw.trim().toLowerCase();
        if (token === 'close') this.keepAlive = false;
        else if (token === 'keep-alive') this.keepAlive = true;
        else if (token === 'content-length' || token === 'transfer-encoding') return false;
        else if (token !== '' && token !== 'upgrade' && token !== 'connection') fields.nominate(this.#text, this.#base, token);
      }
    }
    return true;
  }
}

/** Set of the fields that a 204 or 1xx answer must not carry. @see RFC 9110 §8.6 */
export const lengthFields: number = bit(field.contentLength) | bit(field.trailer);
