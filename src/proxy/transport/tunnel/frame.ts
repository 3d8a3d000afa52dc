/**
 * The wire format of a tunnel: a header of eight bytes, then the payload. The header is type (1 byte), value (3), stream id (4), big-endian. `value` is the
 * payload's length in `open` and `data`, the number of bytes given back in `credit`, and 0 elsewhere; only `open` and `data` have a payload.
 * Both ends are the same build, so limits are constants here and not negotiated.
 */

/** ALPN of a connection that carries frames. A changed format needs another name. */
export const tunnelProtocol = 'mesh-tunnel';

/** What a frame says. `ping` and `pong` carry any number in place of a stream id. */
export const frame = {
  /** The client begins a stream; ids only grow. The payload is its first data, possibly empty. */
  open: 1,
  /** At least one byte. */
  data: 2,
  /** The sender's side of the stream ends here; the other side goes on. */
  end: 3,
  /** As `end`, and the sender reads no more: nothing may follow on this stream, in either direction. */
  close: 4,
  /** The stream is broken: what was sent is not complete. Nothing may follow on it, in either direction. */
  reset: 5,
  /** The reader has taken `value` bytes: as many more may be sent. */
  credit: 6,
  ping: 7,
  /** Answers the ping of the same number. Of several pings in one turn only the last is answered. */
  pong: 8,
  /** No more streams: from the server a wish, which the client answers with its own; from the client a promise. */
  goaway: 9,
} as const;

/** Bytes of a header. */
export const headerBytes = 8;
/** Longest payload: a message of 16 KiB with its head is one frame, and reaches its reader in one piece. */
export const maxPayload: number = 32 * 1024;
/** What a stream sends in one turn when others wait: a small message waits behind at most this much of each of them. With its header one TLS record. */
export const turnPayload = 16 * 1024 - headerBytes;
/** What one side of a stream may send before the reader has taken some: the most that a slow reader costs in memory. */
export const streamWindow = 256 * 1024;
/** Credit goes back in portions: a frame per read would double the traffic. */
export const creditStep = streamWindow / 4;
/** Streams that a server carries at once on one connection; a client that opens more does not keep to the protocol. */
export const maxStreams = 1024;
