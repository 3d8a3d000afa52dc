import { createServer, type Server } from 'node:http';
import { listenHttp } from './listener/listen-http.ts';

/**
 * `/healthz/ready`, where Istio has it: an app may wait for its sidecar. On loopback, and all that a pod can ask its sidecar; everything else
 * the daemon asks over its channel, and the host at `StatsServer`.
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
    return listenHttp(this.#server, host, port);
  }

  close(): void {
    this.#server.close();
  }
}
