import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { fail, json, readBody } from './answer.ts';
import { asMeshError, MeshError } from './mesh-error.ts';
import { type Route, routes } from './routes.ts';
import { DocumentStream, dropStuckReaders, type StreamClock, streamDocuments, stuckMs, writeSlowly } from './stream.ts';
import type { MeshApi } from './types.ts';

/** A daemon, or one that is still being put together: whoever asks it meanwhile waits. */
export type ApiSource = MeshApi | Promise<MeshApi>;

interface Placed {
  readonly method: string;
  readonly path: string;
  readonly route: Route;
}

const placed: readonly Placed[] = Object.entries(routes).map(([name, route]) => {
  const [method = '', path = ''] = name.split(' ');
  return { method, path, route };
});

/** What serves the API. */
export interface ServerOptions {
  /** Of streams. */
  readonly clock: StreamClock;
  /** Hears of what was not foreseen. */
  readonly onBug: (error: unknown) => void;
  /** How long a reader may take nothing of what waits for it, in ms. @default 30 s */
  readonly stuckMs?: number;
}

/**
 * HTTP server of the admin API, not yet listening. It belongs on a unix socket of mode 0600: whoever can open it may do
 * everything, so there is no token, and no browser can reach it.
 */
export function createApiServer(api: ApiSource, options: ServerOptions): Server {
  const server = createServer(createApiHandler(api, options));
  // Streams live as long as somebody looks at them.
  server.requestTimeout = 0;
  dropStuckReaders(server, options.stuckMs ?? stuckMs);
  return server;
}

/** The API without a server: its callers may do everything. */
export function createApiHandler(api: ApiSource, options: ServerOptions): RequestListener {
  return (request, response) => {
    serve(api, options.clock, request, response).catch(error => {
      const known = asMeshError(error);
      if (known === null) options.onBug(error);
      fail(response, known ?? new MeshError('internal', error instanceof Error ? error.message : String(error)));
    });
  };
}

async function serve(api: ApiSource, clock: StreamClock, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = URL.parse(withoutPrefix(request.url ?? '/'), 'http://mesh');
  if (url === null) {
    fail(response, new MeshError('unknown-path', 'no path of the API'), 404);
    return;
  }
  const exactly = placed.filter(({ path }) => path === url.pathname);
  const atPath = exactly.length > 0 ? exactly : placed.filter(({ path }) => leadsTo(path, url.pathname));
  const found = atPath.find(({ method }) => method === request.method);
  if (found === undefined) {
    const known = atPath.length > 0;
    fail(
      response,
      new MeshError(known ? 'wrong-method' : 'unknown-path', `${request.method} ${url.pathname} is not part of the API`),
      known ? 405 : 404,
    );
    return;
  }
  const { route } = found;
  if (route.kind === 'early') {
    json(response, await route.run());
    return;
  }
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const body = request.method === 'POST' ? await readBody(request) : {};
  const asked = { url, headers: request.headers, body, signal: gone.signal };
  const daemon = await api;
  if (route.kind === 'json') json(response, await route.run(daemon, asked));
  else if (route.kind === 'text') await sendText(response, route.run(daemon));
  else await streamDocuments(() => new DocumentStream(request, response, clock), route.run(daemon, asked), route);
}

/** Pieces of text; what fails before the first one is an answer of its own. */
async function sendText(response: ServerResponse, pieces: AsyncIterable<string>): Promise<void> {
  for await (const piece of pieces) {
    if (response.destroyed) return;
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
    await writeSlowly(response, piece);
  }
  response.end();
}

/** The API is at `/v1`, and at `/api/v1` for who shares an address with other things. */
export function withoutPrefix(target: string): string {
  return target.startsWith('/api/v1/') ? target.slice('/api'.length) : target;
}

/** `/v1/traces/{id}` is for one more part. */
function leadsTo(path: string, asked: string): boolean {
  const folder = path.slice(0, path.indexOf('{'));
  return path.includes('{') && asked.length > folder.length && asked.startsWith(folder) && !asked.includes('/', folder.length);
}
