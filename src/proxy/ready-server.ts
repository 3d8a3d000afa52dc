import { createServer, type Server } from 'node:http';

/**
 * `/healthz/ready`, where Istio has it: an app may wait for its sidecar. On loopback, and all that a pod can ask its sidecar; everything else
 * the daemon asks over its channel.
 */
export class ReadyServer {
  readonly #server: Server;

  constructor(ready: () => boolean) {
    this.#server = createServer((request, response) => {
      const found = request.url === '/healthz/ready';
      response.writeHead(found ? (ready() ? 200 : 503) : 404, { connection: 'close' }).end();
    });
  }

  /** @returns the port, also when 0 was asked for @throws the system's error */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  close(): void {
    this.#server.close();
  }
}
