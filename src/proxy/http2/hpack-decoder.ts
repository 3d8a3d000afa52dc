import { HeaderField } from './header-field.ts';
import { decodeHuffman } from './huffman.ts';
import { staticTable } from './static-table.ts';

/** Takes the fields of one block in their order. */
export interface FieldSink {
  field(field: HeaderField): void;
}

/** As for HTTP/1: 60 KiB of names and values, and what `FieldSection` holds. */
const maxBytes = 60 * 1024;
const maxFields = 256;
/** SETTINGS_HEADER_TABLE_SIZE is left at its default, so no peer may have a larger table. */
const maxTableBytes = 4096;
/** No table of that size holds more entries: an empty one counts 32 bytes. */
const slots = maxTableBytes / 32;

/** Decodes the header blocks of one connection, in order: every block changes the table. @see RFC 7541 */
export class HpackDecoder {
  /** The last block was over the limits: it was read for the table's sake, but the rest of its fields were not handed on. */
  tooLarge = false;
  /** Newest entry at `(#added - 1) % slots`. */
  readonly #table: (HeaderField | null)[] = new Array<HeaderField | null>(slots).fill(null);
  #added = 0;
  #count = 0;
  #bytes = 0;
  #limit = maxTableBytes;
  /** Position after the number or text just read; -1 where the block is broken. */
  #at = 0;

  /** Reads a whole block. Returns whether it was properly coded; after `false` the connection cannot be read any further. */
  decode(bytes: Buffer, from: number, to: number, sink: FieldSink): boolean {
    let total = 0;
    let fields = 0;
    let p = from;
    this.tooLarge = false;
    while (p < to) {
      const byte = bytes[p] ?? 0;
      let field: HeaderField | null;
      if ((byte & 0x80) !== 0) {
        field = this.#entry(this.#number(bytes, p, to, 0x7f));
      } else if ((byte & 0xe0) === 0x20) {
        // Only at the start of a block.
        const limit = this.#number(bytes, p, to, 0x1f);
        if (this.#at < 0 || fields > 0 || limit > maxTableBytes) return false;
        this.#limit = limit;
        this.#evict(limit);
        p = this.#at;
        continue;
      } else {
        const indexed = (byte & 0x40) !== 0;
        field = this.#literal(bytes, p, to, indexed ? 0x3f : 0x0f);
        if (field !== null && indexed) this.#add(field);
      }
      if (field === null || this.#at < 0) return false;
      p = this.#at;
      fields++;
      total += field.name.length + field.value.length;
      if (total > maxBytes || fields > maxFields) this.tooLarge = true;
      else sink.field(field);
    }
    return true;
  }

  #literal(bytes: Buffer, from: number, to: number, mask: number): HeaderField | null {
    const index = this.#number(bytes, from, to, mask);
    const name = index === 0 ? this.#text(bytes, to) : (this.#entry(index)?.name ?? null);
    const value = name === null ? null : this.#text(bytes, to);
    return name === null || value === null ? null : new HeaderField(name, value);
  }

  #entry(index: number): HeaderField | null {
    if (index <= staticTable.length) return staticTable[index - 1] ?? null;
    const age = index - staticTable.length;
    return age > this.#count ? null : (this.#table[(this.#added - age) % slots] ?? null);
  }

  #add(field: HeaderField): void {
    const { size } = field;
    this.#evict(this.#limit - size);
    // One that is larger than the whole table empties it, and that is no error.
    if (size > this.#limit) return;
    this.#table[this.#added++ % slots] = field;
    this.#count++;
    this.#bytes += size;
  }

  #evict(limit: number): void {
    while (this.#bytes > limit && this.#count > 0) {
      const oldest = (this.#added - this.#count--) % slots;
      this.#bytes -= this.#table[oldest]?.size ?? 0;
      this.#table[oldest] = null;
    }
  }

  /** @see RFC 7541 §5.1 */
  #number(bytes: Buffer, from: number, to: number, mask: number): number {
    if (from < 0 || from >= to) return this.#broken();
    let value = (bytes[from] ?? 0) & mask;
    this.#at = from + 1;
    if (value < mask) return value;
    // Four bytes say more than any length or index that we take.
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.#at >= to) return this.#broken();
      const byte = bytes[this.#at++] ?? 0;
      value += (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return value;
    }
    return this.#broken();
  }

  #text(bytes: Buffer, to: number): string | null {
    const start = this.#at;
    const length = this.#number(bytes, start, to, 0x7f);
    if (this.#at < 0) return null;
    const from = this.#at;
    this.#at = from + length;
    if (this.#at > to) return null;
    return ((bytes[start] ?? 0) & 0x80) !== 0 ? decodeHuffman(bytes, from, this.#at) : bytes.toString('latin1', from, this.#at);
  }

  #broken(): number {
    this.#at = -1;
    return 0;
  }
}
