/** Close, status 1001 "going away", unmasked as a server's frames are. @see RFC 6455 §5.5.1, §7.4.1 */
export const goingAwayFrame: Buffer = Buffer.from([0x88, 2, 0x03, 0xe9]);

const opcodeMask = 0x0f;
const closeOpcode = 8;
const maskBit = 0x80;
const lengthMask = 0x7f;

/**
 * Follows the frames that a WebSocket's server sends, so that a Close of our own can come between two of them. Looks at the heads only, and changes nothing
 * until it is asked to leave. @see RFC 6455 §5.2
 */
export class WebSocketFrames {
  /** The frame's head so far; empty between frames. */
  readonly #head = Buffer.alloc(14);
  #headBytes = 0;
  /** Of the frame's payload, still to come. */
  #left = 0;
  #closed = false;
  #leaving = false;
  #saidClose = false;

  /** A Close is to go out as soon as it may. */
  leave(): void {
    this.#leaving = true;
  }

  /** Whether the Close may go out now; it counts as sent then, and nothing may follow it. */
  takeLeave(): boolean {
    if (!this.#leaving || this.#closed || this.#headBytes > 0 || this.#left > 0) return false;
    this.#closed = true;
    this.#saidClose = true;
    return true;
  }

  /** Up to where the server's bytes are to be passed on: none after our Close, and none after the frame that it waits for. */
  pass(bytes: Buffer, from: number, to: number): number {
    if (this.#saidClose) return from;
    let p = from;
    while (p < to && !(this.#leaving && !this.#closed && this.#left === 0 && this.#headBytes === 0)) {
      if (this.#left > 0) {
        const take = Math.min(this.#left, to - p);
        this.#left -= take;
        p += take;
      } else this.#readHead(bytes[p++] as number);
    }
    return p;
  }

  #readHead(byte: number): void {
    const head = this.#head;
    head[this.#headBytes++] = byte;
    if (this.#headBytes < 2) return;
    const second = head[1] as number;
    const short = second & lengthMask;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const whole = 2 + lengthBytes + ((second & maskBit) === 0 ? 0 : 4);
    if (this.#headBytes < whole) return;
    this.#left = lengthBytes === 0 ? short : lengthBytes === 2 ? head.readUInt16BE(2) : Number(head.readBigUInt64BE(2));
    if (((head[0] as number) & opcodeMask) === closeOpcode) this.#closed = true;
    this.#headBytes = 0;
  }
}
