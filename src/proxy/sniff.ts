import type { Socket } from 'node:net';
import type { Clock } from '../async/clock.ts';

/** What the first bytes of a connection say; `null` when there are too few to tell. */
export type Judge<V extends string> = (bytes: Buffer) => V | null;

/** The longest method that is believed, with its space. */
const enough = 24;

/** Whether a connection begins like an HTTP/1 request. */
export const sniffHttp: Judge<'http' | 'other'> = bytes => {
  const line = bytes.toString('latin1', 0, enough);
  if (/^[A-Z-]{1,23} /.test(line)) return 'http';
  return /^[A-Z-]*$/.test(line) && line.length < enough ? null : 'other';
};

/** Whether a connection begins with a TLS handshake record: type 22, major version 3. @see RFC 8446 §5.1 */
export const sniffTls: Judge<'tls' | 'plain'> = bytes => {
  if (bytes.length === 0) return null;
  if (bytes[0] !== 22) return 'plain';
  if (bytes.length === 1) return null;
  return bytes[1] === 3 ? 'tls' : 'plain';
};

/**
 * Reads until `judge` can tell or `ms` is over (verdict `null`), then calls `then` once with all bytes read; the socket is paused again and carries no
 * listener of ours. A connection that ends before is destroyed and `then` is not called.
 */
export function sniff<V extends string>(
  socket: Socket,
  initial: Buffer,
  judge: Judge<V>,
  clock: Clock,
  ms: number,
  then: (bytes: Buffer, verdict: V | null) => void,
): void {
  const known = judge(initial);
  if (known !== null) {
    then(initial, known);
    return;
  }
  let seen = initial;
  const stop = (): void => {
    cancel();
    socket.off('data', onData).off('end', onGone).off('error', onGone).off('close', onGone);
  };
  const decide = (verdict: V | null): void => {
    socket.pause();
    stop();
    then(seen, verdict);
  };
  const onData = (bytes: Buffer | string): void => {
    const more = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    seen = seen.length === 0 ? more : Buffer.concat([seen, more]);
    const verdict = judge(seen);
    if (verdict !== null) decide(verdict);
  };
  const onGone = (): void => {
    stop();
    // Its last error may come after our listener is off.
    socket.on('error', () => {});
    socket.destroy();
  };
  const cancel = clock.after(ms, () => decide(null));
  socket.on('data', onData).on('end', onGone).on('error', onGone).on('close', onGone);
  socket.resume();
}
