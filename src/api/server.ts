import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { type ScrapeTargets, scrapeTargets } from '../snapshot/scrape-targets.ts';
import { jsonText } from '../text/escape.ts';
import { json as answerJson, errorDocument, fail, readBody } from './answer.ts';
import { readPersonRequest } from './ca.ts';
import { readExplainRequest } from './explain-request.ts';
import { readFaultRequest } from './fault.ts';
import { asMeshError, MeshError } from './mesh-error.ts';
import { readStatsRequest } from './stats-query.ts';
import { readTapRequest } from './tap.ts';
import { readTraceFilter } from './trace-filter.ts';
import { apiVersion, type MeshApi, type ProxyQuery, type StatusDocument } from './types.ts';

const queries: readonly ProxyQuery[] = ['config', 'stats', 'state'];
/** A daemon, or one that is still being put together: whoever asks it meanwhile waits. */
export type ApiSource = MeshApi | Promise<MeshApi>;

type Handler = (api: MeshApi, exchange: Exchange) => Promise<void>;

interface Exchange {
  readonly url: URL;
  readonly response: ServerResponse;
  readonly body: Readonly<Record<string, unknown>>;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
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
  ['GET', '/v1/ca', async (api, e) => json(e, await api.ca())],
  ['POST', '/v1/ca/rotate', streamRotation],
  [
    'POST',
    '/v1/ca/issue',
    async (api, e) => json(e, await api.issuePerson(readPersonRequest(known(e.body, ['name', 'csrPem', 'ttlMs'])))),
  ],
  ['GET', '/v1/faults', async (api, e) => json(e, await api.faults())],
  [
    'POST',
    '/v1/faults',
    async (api, e) => json(e, await api.addFault(readFaultRequest(known(e.body, ['service', 'route', 'fault', 'forMs'])))),
  ],
  ['POST', '/v1/faults/remove', async (api, e) => json(e, await api.removeFaults(faultIds(e.body)))],
  ['GET', '/metrics', async (api, e) => text(e, await api.metrics())],
  // For Prometheus alone, and in its words.
  ['GET', '/v1/prometheus/targets', async (api, e) => json(e, targetsOf(await api.status()))],
];

/**
 * HTTP server of the admin API, not yet listening. It belongs on a unix socket of mode 0600: whoever can open it may do
 * everything, so there is no token, and no browser can reach it.
 */
export function createApiServer(api: ApiSource, onBug: (error: unknown) => void): Server {
  const server = createServer(createApiHandler(api, onBug));
  // Streams live as long as somebody looks at them.
  server.requestTimeout = 0;
  return server;
}

/** The API without a server: its callers may do everything. */
export function createApiHandler(api: ApiSource, onBug: (error: unknown) => void): RequestListener {
  return (request, response) => {
    serve(api, request, response).catch(error => {
      const known = asMeshError(error);
      if (known === null) onBug(error);
      fail(response, known ?? new MeshError('internal', error instanceof Error ? error.message : String(error)));
    });
  };
}

async function serve(api: ApiSource, request: IncomingMessage, response: ServerResponse): Promise<void> {
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
  await route[2](await api, { url, response, body, signal: gone.signal });
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

async function streamEvents(api: MeshApi, { url, response, signal }: Exchange): Promise<void> {
  const after = Number(url.searchParams.get('after') ?? 0);
  startStream(response);
  const follow = url.searchParams.get('follow') !== 'false';
  for await (const event of api.events(Number.isFinite(after) ? after : 0, signal, follow)) await line(response, event);
  response.end();
}

async function streamStats(api: MeshApi, { url, response, signal }: Exchange): Promise<void> {
  const documents = api.traffic.watchStats(readStatsRequest(url.searchParams), signal)[Symbol.asyncIterator]();
  // A bad question is answered by its error.
  let next = await documents.next();
  startStream(response);
  for (; next.done !== true; next = await documents.next()) await line(response, next.value);
  response.end();
}

async function streamCalls(api: MeshApi, { url, response, signal }: Exchange): Promise<void> {
  const forMs = Number(url.searchParams.get('forMs') ?? 0);
  startStream(response);
  for await (const document of api.seenCalls(Number.isFinite(forMs) ? forMs : 0, signal)) await line(response, document);
  response.end();
}

async function streamTap(api: MeshApi, { url, response, signal }: Exchange): Promise<void> {
  // What is wrong with the request is an answer of its own.
  const lines = api.tap(readTapRequest(url.searchParams), signal);
  startStream(response);
  for await (const each of lines) await line(response, each);
  response.end();
}

async function streamRotation(api: MeshApi, { response, signal }: Exchange): Promise<void> {
  const steps = api.rotateCa(signal)[Symbol.asyncIterator]();
  // What fails before the first step is an answer of its own.
  let step = await steps.next();
  startStream(response);
  for (; step.done !== true; step = await steps.next()) await line(response, step.value);
  response.end();
}

async function streamDown(api: MeshApi, { body, response }: Exchange): Promise<void> {
  const volumes = flag(body, 'volumes');
  startStream(response);
  try {
    await api.down({ volumes }, text => void line(response, { kind: 'line', text }));
    await line(response, { kind: 'end' });
  } catch (error) {
    const known = asMeshError(error) ?? new MeshError('internal', error instanceof Error ? error.message : String(error));
    await line(response, errorDocument(known));
  }
  response.end();
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

function startStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.flushHeaders();
}

/** Writes one line and waits while the reader is slow. */
async function line(response: ServerResponse, value: unknown): Promise<void> {
  if (response.destroyed) return;
  if (response.write(`${jsonText(value)}\n`)) return;
  await new Promise<void>(resolve => {
    // A stream may wait thousands of times: neither listener outlives its wait.
    const over = (): void => {
      response.off('drain', over).off('close', over);
      resolve();
    };
    response.on('drain', over).on('close', over);
  });
}

function json({ response }: Exchange, value: unknown): void {
  answerJson(response, value);
}

function text({ response }: Exchange, value: string): void {
  response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(value);
}
