import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A second socket to the real engine that a test can close and open again: an engine that is lost while containers go on. */
export class EngineProxy implements AsyncDisposable {
  readonly path: string;
  #server: Server | null = null;
  readonly #sockets = new Set<Socket>();

  constructor(path: string) {
    this.path = path;
  }

  get host(): string {
    return `unix://${this.path}`;
  }

  async open(): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, client => {
      const engine = connect({ path: '/var/run/docker.sock', allowHalfOpen: true });
      for (const [from, to] of [
        [client, engine],
        [engine, client],
      ] as const) {
        this.#sockets.add(from);
        from.once('close', () => this.#sockets.delete(from));
        from.on('error', () => to.destroy());
        from.pipe(to);
      }
    });
    server.listen(this.path);
    await once(server, 'listening');
    this.#server = server;
  }

  /** Every connection breaks and no new one is taken. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await rm(this.path, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
