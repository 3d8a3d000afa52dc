import { connect } from 'node:net';
import type { Clock } from '../../async/clock.ts';
import type { TcpUpstream } from '../data-plane.ts';
import type { Destination } from '../interception/original-destination.ts';
import { SharedReads, SocketStream } from '../transport/socket-stream.ts';

/** Envoy's default for clusters that say nothing. */
const connectTimeoutMs = 5000;

/** A connection straight to where the client wanted to go, as bytes. The sidecar's own connections are not intercepted. */
export function passthroughUpstream(name: string, destination: Destination, clock: Clock): TcpUpstream {
  return {
    name,
    open(onConnected, onFailed) {
      const reads = new SharedReads();
      const socket = connect({
        host: destination.address,
        port: destination.port,
        allowHalfOpen: true,
        noDelay: true,
        onread: reads.onread,
      }).pause();
      const stream = new SocketStream(socket, reads);
      let over = false;
      const fail = (detail: string): void => {
        if (over) return;
        over = true;
        cancelTimer();
        socket.destroy();
        onFailed(detail);
      };
      const cancelTimer = clock.after(connectTimeoutMs, () => fail('timeout'));
      const onError = (error: NodeJS.ErrnoException): void => fail(error.code ?? error.message);
      socket.on('error', onError);
      socket.once('connect', () => {
        if (over) return;
        over = true;
        cancelTimer();
        socket.off('error', onError);
        onConnected(stream);
      });
      return () => {
        over = true;
        cancelTimer();
        socket.destroy();
      };
    },
    // Counted when it began; where it went is the app's own affair.
    closed: () => {},
  };
}
