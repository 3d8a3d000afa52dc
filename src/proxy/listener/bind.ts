import { createServer, type Server, type Socket } from 'node:net';

/** A listening port on one or more addresses. */
export interface Binding {
  /** The real port, also when 0 was asked for. */
  readonly port: number;
  /** Accepts nothing more; connections that are open stay. */
  close(): void;
}

/** What a machine without IPv6 (or with it switched off) answers to binding an IPv6 address. */
const noSuchFamily = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL']);
const keepAliveMs = 30_000;

/** Whether binding failed only because this machine has no IPv6. */
export function isMissingFamily(host: string, error: unknown): boolean {
  return host.includes(':') && noSuchFamily.has((error as NodeJS.ErrnoException).code ?? '');
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, ipv6Only: host.includes(':'), backlog: 4096 }, () => {
      server.off('error', reject);
      // EMFILE and the like while accepting: the connection is lost, the listener goes on.
      server.on('error', () => {});
      resolve();
    });
  });
}

/**
 * Listens on every address, the IPv6 ones where there is IPv6. Sockets arrive paused, half-open capable, with an error listener.
 * @throws the system's error (EADDRINUSE …); then nothing is left listening
 */
export async function bind(hosts: readonly string[], port: number, accept: (socket: Socket) => void): Promise<Binding> {
  const servers: Server[] = [];
  let actual = port;
  try {
    for (const host of hosts) {
      const server = createServer({
        allowHalfOpen: true,
        pauseOnConnect: true,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: keepAliveMs,
      });
      server.on('connection', socket => {
        socket.on('error', () => {});
        accept(socket);
      });
      try {
        await listen(server, host, actual);
      } catch (error) {
        if (isMissingFamily(host, error)) continue;
        throw error;
      }
      servers.push(server);
      const address = server.address();
      if (typeof address === 'object' && address !== null) actual = address.port;
    }
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
  return {
    port: actual,
    close: () => {
      for (const server of servers) server.close();
    },
  };
}
