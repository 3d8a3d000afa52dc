import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { type ScrapeTargets, scrapeTargets } from '../snapshot/scrape-targets.ts';
import { json as answerJson, fail, readBody } from './answer.ts';
import { readPersonRequest } from './ca.ts';
import { eventText } from './event-text.ts';
import { readExplainRequest } from './explain-request.ts';
import { readFaultRequest } from './fault.ts';
import { asMeshError, MeshError } from './mesh-error.ts';
import { readStatsRequest } from './stats-query.ts';
import { DocumentStream, dropStuckReaders, type StreamClock, streamDocuments, stuckMs, writeSlowly } from './stream.ts';
import { readTapRequest } from './tap.ts';
import { readTraceFilter } from './trace-filter.ts';
import { apiVersion, type MeshApi, type MeshEvent, type ProxyQuery, type StatusDocument } from './types.ts';

const queries: readonly ProxyQuery[] = ['config', 'stats', 'state'];
/** A daemon, or one that is still being put together: whoever asks it meanwhile waits. */
export type ApiSource = MeshApi | Promise<MeshApi>;

type Handler = (api: MeshApi, exchange: Exchange) => Promise<void>;

interface Exchange {
  readonly url: URL;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Readonly<Record<string, unknown>>;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
  /** Begins an answer of many documents. */
  readonly open: () => DocumentStream;
}

/** What serves the API. */
export interface ServerOptions {
  /** Of streams. */
  readonly clock: StreamClock;
  /** Hears of what was not foreseen. */
  readonly onBug: (error: unknown) => void;
  /** How long a reader may take nothing of what waits for it, in ms. @default 30 s */
  readonly stuckMs?: number;
}

/** The whole API on one screen; the client mirrors it line by line. */
const routes: readonly (readonly [method: string, path: string, handler: Handler])[] = [
  ['GET', '/v1/status', async (api, e) => json(e, await api.status())],
  ['GET', '/v1/plan', async (api, e) => json(e, await api.plan())],
  ['GET', '/v1/config', async (api, e) => json(e, await api.config())],
  ['GET', '/v1/events', streamEvents],
  ['GET', '/v1/proxy', async (api, e) => json(e, await api.query(e.url.searchParams.get('workload') ?? '', queryKind(e.url)))],
  ['POST', '/v1/reload', async (api, e) => json(e, await api.reload())],
  ['POST', '/v1/stop', async (api, e) => json(e, await stopped(api, e))],
  ['POST', '/v1/down', streamDown],
  [
    'POST',
    '/v1/explain',
    async (api, e) => json(e, await api.explain(...readExplainRequest(known(e.body, ['from', 'method', 'url', 'headers'])))),
  ],
  ['GET', '/v1/access', async (api, e) => json(e, await api.accessMatrix())],
  ['GET', '/v1/access/calls', streamCalls],
  [
    'POST',
    '/v1/access/check',
    async (api, e) => json(e, await api.checkAccess(...readExplainRequest(known(e.body, ['from', 'method', 'url', 'headers'])))),
  ],
  ['GET', '/v1/stats', async (api, e) => json(e, await api.traffic.stats(readStatsRequest(e.url.searchParams)))],
  ['GET', '/v1/stats/live', streamStats],
  ['GET', '/v1/graph', async (api, e) => json(e, await api.traffic.graph(readStatsRequest(e.url.searchParams)))],
  ['GET', '/v1/routes', async (api, e) => json(e, await api.traffic.routes(readStatsRequest(e.url.searchParams)))],
  ['GET', '/v1/traces', async (api, e) => json(e, await api.traffic.traces(readTraceFilter(e.url.searchParams)))],
  ['GET', '/v1/traces/broken', async (api, e) => json(e, await api.traffic.brokenPropagation())],
  ['GET', '/v1/traces/*', async (api, e) => json(e, await api.traffic.trace(lastPart(e.url)))],
  ['GET', '/v1/tap', streamTap],
  ['POST', '/v1/dashboard', async (api, e) => json(e, await api.openDashboard(portOf(e.body)))],
  ['GET', '/v1/ca', async (api, e) => json(e, await api.ca())],
  ['POST', '/v1/ca/rotate', streamRotation],
  [
    'POST',
    '/v1/ca/issue',
    async (api, e) => json(e, await api.issuePerson(readPersonRequest(known(e.body, ['name', 'csrPem', 'ttlMs'])))),
  ],
  ['GET', '/v1/faults', async (api, e) => json(e, await api.faults.list())],
  [
    'POST',
    '/v1/faults',
    async (api, e) => json(e, await api.faults.add(readFaultRequest(known(e.body, ['service', 'route', 'fault', 'forMs'])))),
  ],
  ['POST', '/v1/faults/remove', async (api, e) => json(e, await api.faults.remove(faultIds(e.body)))],
  ['GET', '/metrics', streamMetrics],
  // For Prometheus alone, and in its words.
  ['GET', '/v1/prometheus/targets', async (api, e) => json(e, targetsOf(await api.status()))],
];

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
  const url = URL.parse(request.url ?? '/', 'http://mesh');
  if (url === null) {
    fail(response, new MeshError('unknown-path', 'no path of the API'), 404);
    return;
  }
  if (request.method === 'GET' && url.pathname === '/v1/ping') {
    // Answered also while the daemon is not put together yet.
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    return;
  }
  const exactly = routes.filter(([, path]) => path === url.pathname);
  const atPath = exactly.length > 0 ? exactly : routes.filter(([, path]) => leadsTo(path, url.pathname));
  const route = atPath.find(([method]) => method === request.method);
  if (route === undefined) {
    const known = atPath.length > 0;
    fail(
      response,
      new MeshError(known ? 'wrong-method' : 'unknown-path', `${request.method} ${url.pathname} is not part of the API`),
      known ? 405 : 404,
    );
    return;
  }
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const body = request.method === 'POST' ? await readBody(request) : {};
  const open = (): DocumentStream => new DocumentStream(request, response, clock);
  await route[2](await api, { url, request, response, body, signal: gone.signal, open });
}

/** `/v1/traces/*` is for one more part. */
function leadsTo(path: string, asked: string): boolean {
  const folder = path.slice(0, -1);
  return path.endsWith('/*') && asked.length > folder.length && asked.startsWith(folder) && !asked.includes('/', folder.length);
}

function lastPart({ pathname }: URL): string {
  try {
    return decodeURIComponent(pathname.slice(pathname.lastIndexOf('/') + 1));
  } catch {
    throw new MeshError('unknown-path', `${pathname.slice(0, 200)} is not part of the API`);
  }
}

function streamEvents(api: MeshApi, { url, request, signal, open }: Exchange): Promise<void> {
  // Whoever comes back by itself says what it saw last.
  const after = Number(request.headers['last-event-id'] ?? url.searchParams.get('after') ?? 0);
  const follow = url.searchParams.get('follow') !== 'false';
  const events = api.events(Number.isFinite(after) ? after : 0, signal, follow);
  return streamDocuments(open, told(events), { idOf: ({ seq }) => seq });
}

async function* told(events: AsyncIterable<MeshEvent>): AsyncGenerator<MeshEvent, void, void> {
  for await (const event of events) yield { ...event, told: eventText(event) };
}

function streamStats(api: MeshApi, { url, signal, open }: Exchange): Promise<void> {
  return streamDocuments(open, api.traffic.watchStats(readStatsRequest(url.searchParams), signal), { lazy: true });
}

function streamCalls(api: MeshApi, { url, signal, open }: Exchange): Promise<void> {
  const forMs = Number(url.searchParams.get('forMs') ?? 0);
  return streamDocuments(open, api.seenCalls(Number.isFinite(forMs) ? forMs : 0, signal));
}

function streamTap(api: MeshApi, { url, signal, open }: Exchange): Promise<void> {
  return streamDocuments(open, api.tap(readTapRequest(url.searchParams), signal));
}

function streamRotation(api: MeshApi, { signal, open }: Exchange): Promise<void> {
  return streamDocuments(open, api.rotateCa(signal), { lazy: true });
}

async function streamMetrics(api: MeshApi, { response }: Exchange): Promise<void> {
  for await (const piece of api.metrics()) {
    if (response.destroyed) return;
    // What fails before the first piece is an answer of its own.
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
    await writeSlowly(response, piece);
  }
  response.end();
}

async function streamDown(api: MeshApi, { body, open }: Exchange): Promise<void> {
  const volumes = flag(body, 'volumes');
  const stream = open();
  try {
    await api.down({ volumes }, text => void stream.send({ kind: 'line', text }));
    await stream.send({ kind: 'end' });
    stream.end();
  } catch (error) {
    stream.fail(error);
  }
}

async function stopped(api: MeshApi, { body }: Exchange): Promise<unknown> {
  await api.stop({ containers: flag(body, 'containers') });
  return { apiVersion, kind: 'Stopped' };
}

/** Every sidecar, as a Prometheus on this machine reaches it. */
function targetsOf({ project, workloads }: StatusDocument): readonly ScrapeTargets[] {
  return scrapeTargets(
    project,
    workloads.map(({ name, ...pod }) => ({ ...pod, workload: name })),
  );
}

function queryKind(url: URL): ProxyQuery {
  const what = url.searchParams.get('what') ?? 'config';
  const known = queries.find(query => query === what);
  if (known === undefined) throw new MeshError('unknown-query', `no query "${what}"`, `one of ${queries.join(', ')}`);
  return known;
}

function faultIds(body: Exchange['body']): readonly string[] | 'all' {
  const { ids } = known(body, ['ids']);
  if (ids === 'all') return ids;
  if (Array.isArray(ids) && ids.every(id => typeof id === 'string')) return ids;
  throw new MeshError('bad-fault', '`ids` is neither a list of names nor "all"', 'write `{"ids": ["delay-1"]}`');
}

function portOf(body: Exchange['body']): number | null {
  const port = known(body, ['port'])['port'] ?? null;
  if (port === null || (typeof port === 'number' && Number.isInteger(port) && port >= 0 && port <= 65_535)) return port;
  throw new MeshError('bad-body', '`port` is no port', 'a number up to 65535; 0 is any free one');
}

/** A field that is not read could be one that was misspelt: `formMs` would leave a fault in force for ever. */
function known(body: Exchange['body'], fields: readonly string[]): Exchange['body'] {
  const unknown = Object.keys(body).find(name => !fields.includes(name));
  if (unknown === undefined) return body;
  throw new MeshError('bad-body', `unknown field ${JSON.stringify(unknown.slice(0, 60))}`, `one of ${fields.join(', ')}`);
}

/** A switch; whoever asks for volumes to be removed must have meant it. */
function flag(body: Exchange['body'], name: string): boolean {
  const value = known(body, [name])[name] ?? false;
  if (typeof value === 'boolean') return value;
  throw new MeshError('bad-body', `\`${name}\` is neither true nor false`, `write \`{"${name}": true}\``);
}

function json({ response }: Exchange, value: unknown): void {
  answerJson(response, value);
}
