import { createServer, type Server } from 'node:http';
import { listenHttp } from './listener/listen-http.ts';

/** A scraper or two, each with the connection that it keeps. */
const maxConnections = 8;
const headMs = 5_000;

/** What a stats server is made of. */
export interface StatsParts {
  /** Whether who connects from there may read. */
  readonly admits: (address: string) => boolean;
  /** Text exposition. Must not reject. */
  readonly text: () => Promise<string>;
}

/**
 * `GET /stats/prometheus`, where Istio has it. It tells who calls whom under which name, so it answers the host alone: neither the app beside the sidecar nor
 * other pods have any use for that.
 */
export class StatsServer {
  readonly #server: Server;

  constructor({ admits, text }: StatsParts) {
    this.#server = createServer({ headersTimeout: headMs, requestTimeout: headMs, maxHeaderSize: 4096 }, (request, response) => {
      const found = request.url === '/stats/prometheus';
      if (!found || request.method !== 'GET') {
        response.writeHead(found ? 405 : 404, { connection: 'close' }).end();
        return;
      }
      void text().then(body => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(body));
    });
    this.#server.maxConnections = maxConnections;
    this.#server.prependListener('connection', socket => {
      if (!admits(socket.remoteAddress ?? '')) socket.destroy();
    });
  }

  /** @returns the port, also when 0 was asked for @throws the system's error */
  listen(host: string, port: number): Promise<number> {
    return listenHttp(this.#server, host, port);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
