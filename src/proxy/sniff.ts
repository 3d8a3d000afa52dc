import type { Clock } from '../async/clock.ts';
import type { Downstream } from './data-plane.ts';

/** A client that says nothing for this long waits for the server to speak first: raw TCP. */
const silenceMs = 200;
/** The longest method and its space; by then it is clear. */
const enough = 24;

/** Whether the first bytes of a connection can be an HTTP/1 request: `null` when there are too few to say. */
export function looksLikeHttp(bytes: Buffer): boolean | null {
  const line = bytes.toString('latin1', 0, enough);
  if (/^[A-Z-]{1,23} /.test(line)) return true;
  return /^[A-Z-]*$/.test(line) && line.length < enough ? null : false;
}

/** Tells by the client's first bytes what a connection speaks, for ports of which nobody said it. Calls `then` once, with the connection as it was given. */
export function sniff(downstream: Downstream, clock: Clock, then: (http: boolean, downstream: Downstream) => void): void {
  const { socket } = downstream;
  let seen = downstream.initial;
  const decide = (http: boolean): void => {
    cancel();
    socket.pause();
    socket.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
    then(http, { ...downstream, initial: seen });
  };
  const onData = (bytes: Buffer): void => {
    seen = seen.length === 0 ? bytes : Buffer.concat([seen, bytes]);
    const http = looksLikeHttp(seen);
    if (http !== null) decide(http);
  };
  const onEnd = (): void => {
    onGone();
    socket.destroy();
  };
  const onGone = (): void => {
    cancel();
    socket.off('data', onData).off('end', onEnd);
  };
  const cancel = clock.after(silenceMs, () => decide(false));
  const known = seen.length === 0 ? null : looksLikeHttp(seen);
  if (known !== null) {
    decide(known);
    return;
  }
  socket.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  socket.resume();
}
