import type { Socket } from 'node:net';
import type { Downstream, PeerIdentity } from '../data-plane.ts';
import type { Destination } from '../interception/original-destination.ts';
import type { ByteStream } from '../transport/byte-stream.ts';
import { SocketStream } from '../transport/socket-stream.ts';

/** No bytes read yet. */
export const nothingRead: Buffer = Buffer.alloc(0);

/** Describes an accepted connection. @param carrier the TCP socket, which knows the addresses */
export function downstreamOf(
  stream: ByteStream,
  carrier: Socket,
  initial: Buffer,
  destination: Destination,
  peer: PeerIdentity | null,
): Downstream {
  return {
    stream,
    initial,
    remoteAddress: carrier.remoteAddress ?? '',
    remotePort: carrier.remotePort ?? 0,
    localAddress: destination.address,
    localPort: destination.port,
    peer,
  };
}

/** Describes a plaintext connection as it was accepted. `initial`: what has been read of it. */
export function plainDownstream(socket: Socket, initial: Buffer, destination: Destination): Downstream {
  return downstreamOf(new SocketStream(socket), socket, initial, destination, null);
}
