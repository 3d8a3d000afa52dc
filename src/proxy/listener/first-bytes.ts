import type { Socket } from 'node:net';
import type { Clock } from '../../async/clock.ts';

/** A TLS connection begins with a handshake record (RFC 8446 section 5.1). */
export function beginsTls(bytes: Buffer): boolean {
  return bytes[0] === 0x16;
}

/**
 * Waits for the client's first bytes, at most `waitMs`. Calls `done` once, with the socket paused again, or never when the connection breaks
 * first. No bytes: the client waits for the server to speak, or has ended its side.
 */
export function firstBytes(socket: Socket, clock: Clock, waitMs: number, done: (bytes: Buffer) => void): void {
  const settle = (bytes: Buffer): void => {
    stop();
    socket.pause();
    done(bytes);
  };
  const silent = (): void => settle(Buffer.alloc(0));
  const stop = (): void => {
    cancel();
    socket.off('data', settle).off('end', silent).off('close', stop);
  };
  const cancel = clock.after(waitMs, silent);
  socket.on('data', settle).on('end', silent).on('close', stop);
  socket.resume();
}
