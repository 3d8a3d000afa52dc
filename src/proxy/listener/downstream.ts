import type { Socket } from 'node:net';
import type { Downstream, PeerIdentity } from '../data-plane.ts';
import type { Destination } from '../interception/original-destination.ts';

/** No bytes read yet. */
export const nothingRead: Buffer = Buffer.alloc(0);

/** Describes an accepted connection. @param carrier the TCP socket, which knows the addresses also where `socket` is TLS */
export function downstreamOf(
  socket: Socket,
  carrier: Socket,
  initial: Buffer,
  destination: Destination,
  peer: PeerIdentity | null,
): Downstream {
  return {
    socket,
    initial,
    remoteAddress: carrier.remoteAddress ?? '',
    remotePort: carrier.remotePort ?? 0,
    localAddress: destination.address,
    localPort: destination.port,
    peer,
  };
}
