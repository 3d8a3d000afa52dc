import { colon, cr, foldedByte, lf, nameByte, space, tab, valueByte } from './chars.ts';
import { bit, field, knownField } from './known-field.ts';

/** More fields than this are refused with 431. Envoy allows 100, Node 2000. */
const maxFields = 256;

/** Result of reading: the position after what was read, or one of these. */
export const incomplete = 0;
/** Refuse with 400. */
export const badMessage = -400;
/** Refuse with 431. */
export const tooLarge = -431;

const perField = 5;

/**
 * The fields of one head or trailer section as offsets into the bytes they were read from: made once and reused, it keeps no bytes.
 * Strict where servers differ: no line folding, no bare CR or LF, no space before the colon, no control characters. @see RFC 9112 §5
 */
export class FieldSection {
  /** Number of fields read. */
  count = 0;
  /** Set of the known fields that occur. */
  seen = 0;
  /** Set of the known fields that occur more than once. */
  repeated = 0;
  /** Per field: known id, name start, name end, value start, value end. The next field's name starts after the value's line end. */
  readonly #at = new Int32Array(maxFields * perField);
  /** Start of the section and position after its last field's CRLF. */
  start = 0;
  end = 0;

  /** Reads from `start` to the empty line. Returns the position after it, `incomplete`, `badMessage` or `tooLarge`. */
  read(bytes: Uint8Array, start: number, limit: number): number {
    this.seen = 0;
    this.repeated = 0;
    this.count = 0;
    this.start = start;
    const at = this.#at;
    let count = 0;
    let p = start;
    for (;;) {
      if (p >= limit) return incomplete;
      if (bytes[p] === cr) {
        if (p + 1 >= limit) return incomplete;
        this.count = count;
        this.end = p;
        return bytes[p + 1] === lf ? p + 2 : badMessage;
      }
      if (count === maxFields) return tooLarge;
      const nameStart = p;
      while (p < limit && nameByte[bytes[p] ?? 0] === 1) p++;
      if (p >= limit) return incomplete;
      if (bytes[p] !== colon || p === nameStart) return badMessage;
      const nameEnd = p++;
      while (p < limit && (bytes[p] === space || bytes[p] === tab)) p++;
      const valueStart = p;
      while (p < limit && valueByte[bytes[p] ?? 0] === 1) p++;
      if (p >= limit) return incomplete;
      if (bytes[p] !== cr) return badMessage;
      if (p + 1 >= limit) return incomplete;
      if (bytes[p + 1] !== lf) return badMessage;
      let valueEnd = p;
      while (valueEnd > valueStart && (bytes[valueEnd - 1] === space || bytes[valueEnd - 1] === tab)) valueEnd--;
      p += 2;
      const id = knownField(bytes, nameStart, nameEnd);
      const o = count++ * perField;
      at[o] = id;
      at[o + 1] = nameStart;
      at[o + 2] = nameEnd;
      at[o + 3] = valueStart;
      at[o + 4] = valueEnd;
      if (id !== field.other) {
        if ((this.seen & bit(id)) !== 0) this.repeated |= bit(id);
        this.seen |= bit(id);
      }
    }
  }

  has(id: number): boolean {
    return (this.seen & bit(id)) !== 0;
  }

  /** Index of the first field with a known id at or after `from`; -1 for none. */
  find(id: number, from = 0): number {
    for (let i = from; i < this.count; i++) if (this.#at[i * perField] === id) return i;
    return -1;
  }

  id(i: number): number {
    return this.#at[i * perField] ?? 0;
  }
  nameStart(i: number): number {
    return this.#at[i * perField + 1] ?? 0;
  }
  nameEnd(i: number): number {
    return this.#at[i * perField + 2] ?? 0;
  }
  valueStart(i: number): number {
    return this.#at[i * perField + 3] ?? 0;
  }
  valueEnd(i: number): number {
    return this.#at[i * perField + 4] ?? 0;
  }
  /** Position after the field's CRLF. */
  lineEnd(i: number): number {
    return i + 1 < this.count ? this.nameStart(i + 1) : this.end;
  }

  /** Marks the fields of this (lower-case) name as meant for this hop only. `lookalikes`: those too that CGI-like servers take for it. */
  nominate(text: string, base: number, name: string, lookalikes = false): void {
    for (let i = 0; i < this.count; i++) {
      if (!(lookalikes ? this.#looksLike(i, text, base, name) : this.isNamed(i, text, base, name))) continue;
      this.#at[i * perField] = field.nominated;
      this.seen |= bit(field.nominated);
    }
  }

  /** Whether field `i` has this lower-case name. `text` holds the bytes from `base` on as latin1. */
  isNamed(i: number, text: string, base: number, name: string): boolean {
    const start = this.nameStart(i);
    const length = this.nameEnd(i) - start;
    if (length !== name.length) return false;
    for (let k = 0; k < length; k++) {
      const c = text.charCodeAt(start - base + k);
      if ((c >= 65 && c <= 90 ? c + 32 : c) !== name.charCodeAt(k)) return false;
    }
    return true;
  }

  #looksLike(i: number, text: string, base: number, name: string): boolean {
    const start = this.nameStart(i);
    const length = this.nameEnd(i) - start;
    if (length !== name.length) return false;
    for (let k = 0; k < length; k++)
      if (foldedByte[text.charCodeAt(start - base + k)] !== foldedByte[name.charCodeAt(k)]) return false;
    return true;
  }

  /** The lines whose (lower-case) name is `wanted`, as they were sent, without the known fields in `cut`. */
  select(text: string, base: number, cut: number, wanted: (name: string) => boolean): string {
    let out = '';
    for (let i = 0; i < this.count; i++) {
      const id = this.#at[i * perField] ?? 0;
      if (id !== field.other && (cut & bit(id)) !== 0) continue;
      const start = this.nameStart(i) - base;
      const name = text.substring(start, this.nameEnd(i) - base).toLowerCase();
      if (wanted(name)) out += text.substring(start, this.lineEnd(i) - base);
    }
    return out;
  }

  /** All lines but those of the fields in `cut`, as they were sent. */
  lines(text: string, base: number, cut: number): string {
    if ((this.seen & cut) === 0) return text.substring(this.start - base, this.end - base);
    let out = '';
    let run = this.start - base;
    for (let i = 0; i < this.count; i++) {
      const id = this.#at[i * perField] ?? 0;
      if (id === field.other || (cut & bit(id)) === 0) continue;
      out += text.substring(run, this.nameStart(i) - base);
      run = this.lineEnd(i) - base;
    }
    return out + text.substring(run, this.end - base);
  }
}
