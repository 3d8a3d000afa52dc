import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A second socket to the real engine that a test can close and open again: an engine that is lost while containers go on. */
export class EngineProxy implements AsyncDisposable {
  readonly path: string;
  #server: Server | null = null;
  readonly #sockets = new Set<Socket>();

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes the socket in a folder of its own and opens it. */
  static async start(): Promise<EngineProxy> {
    const proxy = new EngineProxy(join(await mkdtemp(join(tmpdir(), 'engine-proxy-')), 'engine.sock'));
    await proxy.open();
    return proxy;
  }

  get host(): string {
    return `unix://${this.path}`;
  }

  /** Takes connections, from now on or still. */
  async open(): Promise<void> {
    if (this.#server !== null) return;
    const server = createServer({ allowHalfOpen: true }, client => {
      const engine = connect({ path: '/var/run/docker.sock', allowHalfOpen: true });
      for (const [from, to] of [
        [client, engine],
        [engine, client],
      ] as const) {
        this.#sockets.add(from);
        from.once('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
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
    await rm(dirname(this.path), { recursive: true, force: true });
  }
}
