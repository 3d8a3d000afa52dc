/** Frame types. @see RFC 9113 §6 */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Bits of a frame's flags; `endStream` and `ack` are the same bit of different frames. */
export const flag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

/** Length of a frame's head in bytes. */
export const headBytes = 9;
/** SETTINGS_MAX_FRAME_SIZE that we leave as it is: larger frames would let one stream hold up the others. */
export const maxFrameBytes = 16 * 1024;
/** A window must not get larger. @see RFC 9113 §6.9.1 */
export const maxWindow = 0x7fffffff;

const char = String.fromCharCode;

/** `n` as four bytes of latin1 text. */
function uint32(n: number): string {
  return char(n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255);
}

/** Head of a frame as latin1 text. */
export function frameHead(length: number, type: number, flags: number, id: number): string {
  return char(
    length >>> 16,
    (length >>> 8) & 255,
    length & 255,
    type,
    flags,
    id >>> 24,
    (id >>> 16) & 255,
    (id >>> 8) & 255,
    id & 255,
  );
}

/** A HEADERS frame and as many CONTINUATION frames as the peer's limit asks for. */
export function headersFrames(id: number, block: string, endStream: boolean, maxFrame: number): string {
  const end = endStream ? flag.endStream : 0;
  if (block.length <= maxFrame) return frameHead(block.length, frameType.headers, flag.endHeaders | end, id) + block;
  let out = frameHead(maxFrame, frameType.headers, end, id) + block.substring(0, maxFrame);
  for (let from = maxFrame; from < block.length; from += maxFrame) {
    const part = block.substring(from, from + maxFrame);
    const last = from + maxFrame >= block.length;
    out += frameHead(part.length, frameType.continuation, last ? flag.endHeaders : 0, id) + part;
  }
  return out;
}

/** A SETTINGS frame of these pairs. */
export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): string {
  const pairs = settings.map(([id, value]) => char(0, id) + uint32(value)).join('');
  return frameHead(pairs.length, frameType.settings, 0, 0) + pairs;
}

/** SETTINGS with ACK. */
export const settingsAck: string = frameHead(0, frameType.settings, flag.ack, 0);

/** A WINDOW_UPDATE frame; `id` 0 is the connection. */
export function windowUpdateFrame(id: number, bytes: number): string {
  return frameHead(4, frameType.windowUpdate, 0, id) + uint32(bytes);
}

/** A RST_STREAM frame. */
export function rstStreamFrame(id: number, code: number): string {
  return frameHead(4, frameType.rstStream, 0, id) + uint32(code);
}

/** A GOAWAY frame; `last`: the highest stream that was or will be dealt with. */
export function goawayFrame(last: number, code: number): string {
  return frameHead(8, frameType.goaway, 0, 0) + uint32(last) + uint32(code);
}

/** A PING frame with eight bytes of latin1 text. */
export function pingFrame(ack: boolean, payload: string): string {
  return frameHead(8, frameType.ping, ack ? flag.ack : 0, 0) + payload;
}
