/** Plays the kernel of a pod: connections to an address and port arrive at a sidecar, which can ask where they were going. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { Destination } from '../../../src/proxy/interception/original-destination.ts';

/** Redirects connections to the ports of sidecars. Which one was meant is told by the loopback address that a redirected connection comes from. */
export class Redirects implements AsyncDisposable {
  readonly #network: number;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #destinations = new Map<string, Destination>();

  /** `network`: second number of the loopback addresses that are used, so that test files do not meet. */
  constructor(network: number) {
    this.#network = network;
  }

  /** An address of 127/8 that is used for nothing else. */
  address(kind: number, index: number): string {
    return `127.${this.#network + kind}.${Math.floor(index / 250)}.${1 + (index % 250)}`;
  }

  /** What a sidecar is told of a connection. */
  readonly originalDestination = (socket: Socket): Destination | null =>
    this.#destinations.get(socket.remoteAddress?.replace(/^::ffff:/, '') ?? '') ?? null;

  /** Listens there (port 0: any) and leads to `target` what was going to `destination`. Returns the port. */
  async add(
    listen: { readonly host: string; readonly port: number },
    target: () => number,
    destination: Destination,
  ): Promise<number> {
    const from = this.address(3, this.#destinations.size);
    this.#destinations.set(from, destination);
    const server = createServer({ allowHalfOpen: true, noDelay: true }, client => {
      const onward = connect({ host: '127.0.0.1', port: target(), localAddress: from, allowHalfOpen: true, noDelay: true });
      for (const [one, other] of [
        [client, onward],
        [onward, client],
      ] as const) {
        this.#sockets.add(one);
        one.pipe(other);
        one.on('error', () => other.resetAndDestroy());
        one.on('close', () => {
          this.#sockets.delete(one);
          if (!one.readableEnded) other.destroy();
        });
      }
    });
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(listen.port, listen.host, resolve));
    return (server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.map(server => new Promise(resolve => server.close(resolve))));
  }
}
