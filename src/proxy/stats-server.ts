import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type ScrapeTargets, statsPath } from '../snapshot/scrape-targets.ts';
import { jsonText } from '../text/escape.ts';
import { listenHttp } from './listener/listen-http.ts';

/** A scraper or two, each with the connection that it keeps. */
const maxConnections = 8;
const headMs = 5_000;
/** Prometheus itself waits ten seconds for an answer; what waits for a reader that has stopped is memory of the pod. */
const defaultStuckMs = 30_000;

/** What a stats server is made of. */
export interface StatsParts {
  /** Whether who connects from there may read. */
  readonly admits: (address: string) => boolean;
  /** Text exposition. Must not reject. */
  readonly metrics: () => Promise<string>;
  /** Whom the app beside this sidecar scrapes; `null`: nobody. */
  readonly targets: () => readonly ScrapeTargets[] | null;
  /** Text exposition of the daemon for the app beside this sidecar: `null` if that is no scraper, a promise of it while the daemon is away. */
  readonly daemon: () => Promise<string | null> | null;
  /** How long a reader may take nothing. @default 30 s */
  readonly stuckMs?: number;
}

/**
 * `GET /stats/prometheus`, where Istio has it, and at a scraper's own sidecar `GET /targets` and `GET /daemon/metrics`. They tell who calls whom under which
 * name, so they answer the host and the scrapers alone: neither other apps nor other pods have any use for that.
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
    this.#server.setTimeout(parts.stuckMs ?? defaultStuckMs, socket => socket.destroy());
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

function answer(parts: StatsParts, { method, url }: IncomingMessage, response: ServerResponse): void {
  const known = url === statsPath || url === '/targets' || url === '/daemon/metrics';
  if (!known || method !== 'GET') refuse(response, known ? 405 : 404);
  else if (url === '/targets') {
    const targets = parts.targets();
    if (targets === null) refuse(response, 404);
    else response.writeHead(200, { 'content-type': 'application/json' }).end(jsonText(targets));
  } else {
    const text = url === statsPath ? parts.metrics() : parts.daemon();
    if (text === null) refuse(response, 404);
    else void text.then(found => (found === null ? refuse(response, 503) : expose(response, found)));
  }
}

function expose(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text);
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { connection: 'close' }).end();
}
