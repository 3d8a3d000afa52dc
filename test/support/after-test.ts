import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach } from 'node:test';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Calls it when the test at hand is over; what came last goes first. */
export function afterTest(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}

/** Listens on a free port of loopback until the test is over, whoever is still connected. Returns the port. */
export async function serving(server: Server): Promise<number> {
  const open = new Set<Socket>();
  server.on('connection', socket => open.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterTest(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
