import type { Clock } from '../async/clock.ts';
import type { Downstream } from './data-plane.ts';

/** A client silent for this long waits for the server to speak first: raw TCP. MySQL clients feel every millisecond of it. */
const silenceMs = 100;
/** The longest method that is believed, with its space. */
const enough = 24;

/** Whether the first bytes of a connection can be an HTTP/1 request; `null` when there are too few to say. */
export function looksLikeHttp(bytes: Buffer): boolean | null {
  const line = bytes.toString('latin1', 0, enough);
  if (/^[A-Z-]{1,23} /.test(line)) return true;
  return /^[A-Z-]*$/.test(line) && line.length < enough ? null : false;
}

/**
 * Tells by the client's first bytes what a connection speaks, for ports of which nobody said it. Calls `then` once, with the socket paused and free of our
 * listeners; a connection that ends before is destroyed instead.
 */
export function sniff(downstream: Downstream, clock: Clock, then: (http: boolean, downstream: Downstream) => void): void {
  const { socket } = downstream;
  let seen = downstream.initial;
  const known = looksLikeHttp(seen);
  if (known !== null) {
    then(known, downstream);
    return;
  }
  const stop = (): void => {
    cancel();
    socket.off('data', onData).off('end', onGone).off('error', onGone).off('close', onGone);
  };
  const decide = (http: boolean): void => {
    stop();
    socket.pause();
    then(http, { ...downstream, initial: seen });
  };
  const onData = (bytes: Buffer): void => {
    seen = seen.length === 0 ? bytes : Buffer.concat([seen, bytes]);
    const http = looksLikeHttp(seen);
    if (http !== null) decide(http);
  };
  const onGone = (): void => {
    stop();
    // Its last error may come after our listener is off.
    socket.on('error', () => {});
    socket.destroy();
  };
  const cancel = clock.after(silenceMs, () => decide(false));
  socket.on('data', onData).on('end', onGone).on('error', onGone).on('close', onGone);
  socket.resume();
}
