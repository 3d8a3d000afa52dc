import type { Socket } from 'node:net';

/** The TCP socket under each TLS socket: Node resets TCP sockets only. */
const transports = new WeakMap<Socket, Socket>();

/** Remembers which TCP socket carries `socket`. */
export function carriedBy(socket: Socket, transport: Socket): void {
  transports.set(socket, transport);
}

/** Ends a connection with RST, so that the other side cannot take what it got for a complete answer. Never throws. */
export function resetConnection(socket: Socket): void {
  if (socket.destroyed) return;
  // All was sent, and its end is on the way. The kernel's handle cannot be reset now, and Node, which does not ask, would lose it open.
  if (socket.writableEnded && !socket.writableFinished && socket.writableLength === 0) {
    socket.destroy();
    return;
  }
  const transport = transports.get(socket);
  if (transport !== undefined) {
    // Node 24 crashes (SIGSEGV) when the TCP socket is reset under a living TLS socket. Destroying the TLS socket destroys what carries it, and
    // this is the mark by which `resetAndDestroy` asks that for a reset. Without it (a changed Node) the connection ends without a TLS goodbye.
    Reflect.set(transport, 'resetAndClosing', true);
    socket.destroy();
    return;
  }
  try {
    socket.resetAndDestroy();
  } catch {
    // Not a TCP socket: closing is all there is.
    socket.destroy();
  }
}
