import { cr, hexValue, lf, nameByte, space, tab, valueByte } from './chars.ts';
import { badMessage, FieldSection, tooLarge } from './field-section.ts';
import { bit, field, hopByHop } from './known-field.ts';

/** Takes pieces of a body as they are read. */
export interface BodySink {
  /** Bytes `from` to `to` of `bytes` are the next piece of data. */
  piece(bytes: Buffer, from: number, to: number): void;
  /** Canonical trailer lines without the empty line. Not called where there are none. */
  trailers(lines: string): void;
}

/** Results of reading; a negative one is the status to refuse the message with. More input is needed. */
const chunkMore = 0;
/** Reached with the body's last byte. */
export const chunkDone = 1;

/** Sizes of up to 12 digits (16 TiB), leading zeros included. */
const maxSizeDigits = 12;
/** All extensions of one message together, so that tiny chunks with long extensions cannot hide a flood. */
const maxExtensionBytes = 16 * 1024;
const maxTrailerBytes = 16 * 1024;

const at = {
  size: 0,
  ext: 1,
  extQuoted: 2,
  extEscape: 3,
  sizeLf: 4,
  data: 5,
  dataCr: 6,
  dataLf: 7,
  trailer: 8,
  done: 9,
} as const;

/** Fields that must not come in a trailer: they frame, route, authenticate or name the caller. @see RFC 9110 §6.5.1 */
export const notInTrailers: number =
  hopByHop |
  bit(field.host) |
  bit(field.contentLength) |
  bit(field.expect) |
  bit(field.trailer) |
  bit(field.authorization) |
  bit(field.cookie) |
  bit(field.clientCert) |
  bit(field.forwardedFor) |
  bit(field.forwardedProto) |
  bit(field.requestId) |
  bit(field.attemptCount) |
  bit(field.serviceTime) |
  bit(field.originalPath) |
  bit(field.lookalike);

const trailerFields = new FieldSection();
const noBytes = Buffer.alloc(0);

/** Reads the chunked coding (RFC 9112 §7.1) and hands on its data. State survives between reads, so any split of the input gives the same data. */
export class ChunkReader {
  /** Position after what the last `read` consumed. */
  position = 0;
  #state: number = at.size;
  #remaining = 0;
  #digits = 0;
  #extensionBytes = 0;
  #trailer: Buffer = noBytes;

  /** Begins a new body. */
  reset(): void {
    this.#state = at.size;
    this.#remaining = 0;
    this.#digits = 0;
    this.#extensionBytes = 0;
    this.#trailer = noBytes;
  }

  /** Reads up to `limit`. Pieces of a broken body may have been handed on before the break was seen. */
  read(bytes: Buffer, start: number, limit: number, sink: BodySink): number {
    let p = start;
    while (p < limit) {
      switch (this.#state) {
        case at.size: {
          const byte = bytes[p] ?? 0;
          const digit = hexValue[byte] ?? 255;
          if (digit !== 255) {
            if (++this.#digits > maxSizeDigits) return badMessage;
            this.#remaining = this.#remaining * 16 + digit;
            p++;
          } else {
            if (this.#digits === 0) return badMessage;
            if (byte === cr) {
              p++;
              this.#state = at.sizeLf;
            } else if (byte === 59) this.#state = at.ext;
            else return badMessage;
          }
          break;
        }
        case at.ext:
        case at.extQuoted:
        case at.extEscape: {
          const byte = bytes[p] ?? 0;
          if (byte === cr) {
            if (this.#state !== at.ext) return badMessage;
            p++;
            this.#state = at.sizeLf;
            break;
          }
          if (++this.#extensionBytes > maxExtensionBytes) return tooLarge;
          if (valueByte[byte] !== 1) return badMessage;
          if (this.#state === at.extEscape) this.#state = at.extQuoted;
          else if (this.#state === at.extQuoted) this.#state = byte === 34 ? at.ext : byte === 92 ? at.extEscape : at.extQuoted;
          else if (byte === 34) this.#state = at.extQuoted;
          else if (nameByte[byte] !== 1 && byte !== 59 && byte !== 61 && byte !== space && byte !== tab) return badMessage;
          p++;
          break;
        }
        case at.sizeLf:
          if (bytes[p] !== lf) return badMessage;
          p++;
          this.#digits = 0;
          this.#state = this.#remaining === 0 ? at.trailer : at.data;
          break;
        case at.data: {
          const take = Math.min(this.#remaining, limit - p);
          sink.piece(bytes, p, p + take);
          p += take;
          this.#remaining -= take;
          if (this.#remaining === 0) this.#state = at.dataCr;
          break;
        }
        case at.dataCr:
          if (bytes[p] !== cr) return badMessage;
          p++;
          this.#state = at.dataLf;
          break;
        case at.dataLf:
          if (bytes[p] !== lf) return badMessage;
          p++;
          this.#state = at.size;
          break;
        default:
          return this.#readTrailer(bytes, p, limit, sink);
      }
    }
    this.position = p;
    return chunkMore;
  }

  #readTrailer(bytes: Buffer, start: number, limit: number, sink: BodySink): number {
    // Nearly always the empty line follows at once and whole.
    if (this.#trailer.length === 0 && limit - start >= 2 && bytes[start] === cr && bytes[start + 1] === lf) {
      this.position = start + 2;
      this.#state = at.done;
      return chunkDone;
    }
    const held = this.#trailer.length;
    const all = held === 0 ? bytes.subarray(start, limit) : Buffer.concat([this.#trailer, bytes.subarray(start, limit)]);
    const end = trailerFields.read(all, 0, all.length);
    if (end < 0) return end;
    if (end === 0) {
      if (all.length > maxTrailerBytes) return tooLarge;
      this.#trailer = held === 0 ? Buffer.from(all) : all;
      this.position = limit;
      return chunkMore;
    }
    const lines = trailerFields.lines(all.toString('latin1', 0, end), 0, notInTrailers);
    if (lines !== '') sink.trailers(lines);
    this.position = start + end - held;
    this.#state = at.done;
    return chunkDone;
  }
}
