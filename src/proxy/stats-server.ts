import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type ScrapeTargets, statsPath } from '../snapshot/scrape-targets.ts';
import { jsonText } from '../text/escape.ts';
import { listenHttp } from './listener/listen-http.ts';

/** A scraper or two, each with the connection that it keeps. */
const maxConnections = 8;
const headMs = 5_000;

/** What a stats server is made of. */
export interface StatsParts {
  /** Whether who connects from there may read. */
  readonly admits: (address: string) => boolean;
  /** Text exposition. Must not reject. */
  readonly metrics: () => Promise<string>;
  /** Whom the app beside this sidecar scrapes; `null`: nobody. */
  readonly targets: () => readonly ScrapeTargets[] | null;
}

/**
 * `GET /stats/prometheus`, where Istio has it, and for a scraper's own sidecar `GET /targets`. It tells who calls whom under which name, so it answers the host
 * and the scrapers alone: neither other apps nor other pods have any use for that.
 */
export class StatsServer {
  readonly #server: Server;

  constructor(parts: StatsParts) {
    const options = { headersTimeout: headMs, requestTimeout: headMs, maxHeaderSize: 4096 };
    this.#server = createServer(options, (request, response) => {
      // Also on a connection from before: who was a scraper may be none now.
      if (parts.admits(request.socket.remoteAddress ?? '')) answer(parts, request, response);
      else request.socket.destroy();
    });
    this.#server.maxConnections = maxConnections;
    this.#server.prependListener('connection', socket => {
      if (!parts.admits(socket.remoteAddress ?? '')) socket.destroy();
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

function answer({ metrics, targets }: StatsParts, { method, url }: IncomingMessage, response: ServerResponse): void {
  const found = url === '/targets' ? targets() : url === statsPath ? metrics : null;
  if (found === null || method !== 'GET') response.writeHead(found === null ? 404 : 405, { connection: 'close' }).end();
  else if (typeof found !== 'function') response.writeHead(200, { 'content-type': 'application/json' }).end(jsonText(found));
  else
    void found().then(body => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(body));
}
