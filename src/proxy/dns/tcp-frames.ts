/** DNS over TCP: two bytes of length before each message (RFC 1035 section 4.2.2). */

/** A message with its length before it. */
export function framed(message: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(2 + message.length);
  bytes.writeUInt16BE(message.length, 0);
  message.copy(bytes, 2);
  return bytes;
}

/** Cuts a byte stream into messages. Holds one unfinished message, at most 64 KiB. */
export class FrameSplitter {
  #held: Buffer = Buffer.alloc(0);

  /** Takes the next bytes and returns the messages that they complete. */
  push(chunk: Buffer): Buffer[] {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const messages: Buffer[] = [];
    while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE(0)) {
      const end = 2 + bytes.readUInt16BE(0);
      messages.push(bytes.subarray(2, end));
      bytes = bytes.subarray(end);
    }
    this.#held = bytes;
    return messages;
  }
}
