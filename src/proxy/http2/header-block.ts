import { ConnectionError, errorCode } from './error-code.ts';

/** Limits of one block while it is still coded: what goes over them cannot become a head that we take. @see CVE-2024-24549 and its kin (CONTINUATION floods) */
const maxBytes = 64 * 1024;
const maxFrames = 32;

/** A header block that comes in several frames. */
export class HeaderBlock {
  id = 0;
  endStream = false;
  /** More frames have to come. */
  open = false;
  #parts: Buffer[] = [];
  #bytes = 0;

  begin(id: number, endStream: boolean, bytes: Buffer, from: number, to: number): void {
    this.id = id;
    this.endStream = endStream;
    this.open = true;
    this.add(bytes, from, to);
  }

  /** @throws ConnectionError for a block over the limits */
  add(bytes: Buffer, from: number, to: number): void {
    this.#bytes += to - from;
    if (this.#bytes > maxBytes || this.#parts.length >= maxFrames)
      throw new ConnectionError(errorCode.enhanceYourCalm, 'header block too large');
    this.#parts.push(Buffer.from(bytes.subarray(from, to)));
  }

  /** The whole block; the next one may begin. */
  take(): Buffer {
    const whole = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    this.open = false;
    return whole;
  }
}
