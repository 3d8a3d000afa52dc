import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { type ScrapeTargets, scrapeTargets } from '../snapshot/scrape-targets.ts';
import { faultIds, flag, known, portOf } from './body-fields.ts';
import { readPersonRequest } from './ca.ts';
import { eventText } from './event-text.ts';
import { readExplainRequest } from './explain-request.ts';
import { readFaultRequest } from './fault.ts';
import { MeshError } from './mesh-error.ts';
import type { DownLine, Operations } from './operations.ts';
import { readStatsRequest } from './stats-query.ts';
import { pushed, type StreamOptions } from './stream.ts';
import { readTapRequest } from './tap.ts';
import { readTraceFilter } from './trace-filter.ts';
import { apiVersion, type EventsFrom, type MeshApi, type MeshEvent, type ProxyQuery, type StatusDocument } from './types.ts';

const queries: readonly ProxyQuery[] = ['config', 'stats', 'state'];

/** A request, as far as routes look at it. */
export interface Asked {
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  /** Of a POST. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
}

/** One JSON document. */
interface Json<T> {
  readonly kind: 'json';
  readonly run: (api: MeshApi, asked: Asked) => T | Promise<T>;
}

/** One that needs no daemon: answered also while that is being put together. */
interface Early<T> {
  readonly kind: 'early';
  readonly run: () => T | Promise<T>;
}

/** Documents as they come. */
interface Stream<T> extends StreamOptions<T> {
  readonly kind: 'stream';
  readonly run: (api: MeshApi, asked: Asked) => AsyncIterable<T>;
}

/** Text exposition. */
interface Text {
  readonly kind: 'text';
  readonly run: (api: MeshApi) => AsyncIterable<string>;
}

type RouteOf<Operation> = Operation extends { readonly stream: infer T }
  ? Stream<T>
  : Operation extends { readonly answer: infer T }
    ? Json<T> | Early<T>
    : Text;

/** What answers an operation. */
export type Route = Json<unknown> | Early<unknown> | Stream<unknown> | Text;

/** The whole API; client.ts says the same for the command line. */
export const routes: { readonly [Name in keyof Operations]: RouteOf<Operations[Name]> } = {
  'GET /v1/ping': { kind: 'early', run: () => ({}) },
  'GET /v1/openapi.json': { kind: 'early', run: openApi },
  'GET /v1/status': json(api => api.status()),
  'GET /v1/plan': json(api => api.plan()),
  'GET /v1/config': json(api => api.config()),
  'GET /v1/events': {
    kind: 'stream',
    run: (api, { url, headers, signal }) =>
      // Whoever comes back by itself says what it saw last.
      told(
        api.events(
          after(headers['last-event-id'] ?? url.searchParams.get('after')),
          signal,
          url.searchParams.get('follow') !== 'false',
        ),
      ),
    idOf: ({ seq }) => seq,
  },
  'GET /v1/proxy': json((api, { url }) => api.query(url.searchParams.get('workload') ?? '', queryKind(url))),
  'POST /v1/reload': json(api => api.reload()),
  'POST /v1/stop': json(async (api, { body }) => {
    await api.stop({ containers: flag(body, 'containers') });
    return { apiVersion, kind: 'Stopped' };
  }),
  'POST /v1/down': { kind: 'stream', run: down },
  'POST /v1/explain': json((api, { body }) => api.explain(...explained(body))),
  'GET /v1/access': json(api => api.accessMatrix()),
  'GET /v1/access/calls': {
    kind: 'stream',
    run: (api, { url, signal }) => api.seenCalls(number(url.searchParams.get('forMs')), signal),
  },
  'POST /v1/access/check': json((api, { body }) => api.checkAccess(...explained(body))),
  'GET /v1/stats': json((api, { url }) => api.traffic.stats(readStatsRequest(url.searchParams))),
  'GET /v1/stats/live': {
    kind: 'stream',
    run: (api, { url, signal }) => api.traffic.watchStats(readStatsRequest(url.searchParams), signal),
    lazy: true,
  },
  'GET /v1/graph': json((api, { url }) => api.traffic.graph(readStatsRequest(url.searchParams))),
  'GET /v1/routes': json((api, { url }) => api.traffic.routes(readStatsRequest(url.searchParams))),
  'GET /v1/traces': json((api, { url }) => api.traffic.traces(readTraceFilter(url.searchParams))),
  'GET /v1/traces/live': {
    kind: 'stream',
    run: (api, { url, signal }) => api.traffic.watchTraces(readTraceFilter(url.searchParams), signal),
  },
  'GET /v1/traces/broken': json(api => api.traffic.brokenPropagation()),
  'GET /v1/traces/{id}': json((api, { url }) => api.traffic.trace(lastPart(url))),
  'GET /v1/tap': { kind: 'stream', run: (api, { url, signal }) => api.tap(readTapRequest(url.searchParams), signal) },
  'POST /v1/dashboard': json((api, { body }) => api.openDashboard(portOf(body))),
  'GET /v1/ca': json(api => api.ca()),
  'POST /v1/ca/rotate': { kind: 'stream', run: (api, { signal }) => api.rotateCa(signal), lazy: true },
  'POST /v1/ca/issue': json((api, { body }) => api.issuePerson(readPersonRequest(known(body, ['name', 'csrPem', 'ttlMs'])))),
  'GET /v1/faults': json(api => api.faults.list()),
  'POST /v1/faults': json((api, { body }) =>
    api.faults.add(readFaultRequest(known(body, ['service', 'route', 'fault', 'forMs']))),
  ),
  'POST /v1/faults/remove': json((api, { body }) => api.faults.remove(faultIds(body))),
  'GET /v1/prometheus/targets': json(async api => targetsOf(await api.status())),
  'GET /metrics': { kind: 'text', run: api => api.metrics() },
};

function json<T>(run: Json<T>['run']): Json<T> {
  return { kind: 'json', run };
}

/** Events with their words. */
async function* told(events: AsyncIterable<MeshEvent>): AsyncGenerator<MeshEvent, void, void> {
  for await (const event of events) yield { ...event, told: eventText(event) };
}

/** The file lies beside `dist` or above `src`. */
async function openApi(): Promise<Readonly<Record<string, unknown>>> {
  for (const place of ['../schema/openapi.json', '../../schema/openapi.json']) {
    const text = await readFile(new URL(place, import.meta.url), 'utf8').catch(() => null);
    if (text !== null) return JSON.parse(text) as Readonly<Record<string, unknown>>;
  }
  throw new MeshError('no-openapi', 'schema/openapi.json is not part of this installation', 'install localmesh again');
}

function down(api: MeshApi, { body }: Asked): AsyncIterable<DownLine> {
  const volumes = flag(body, 'volumes');
  return pushed(async push => {
    await api.down({ volumes }, text => push({ kind: 'line', text }));
    push({ kind: 'end' });
  });
}

function after(text: unknown): EventsFrom {
  return text === 'run' ? text : number(text);
}

/** `0` for what is none. */
function number(text: unknown): number {
  const value = Number(text ?? 0);
  return Number.isFinite(value) ? value : 0;
}

function lastPart({ pathname }: URL): string {
  try {
    return decodeURIComponent(pathname.slice(pathname.lastIndexOf('/') + 1));
  } catch {
    throw new MeshError('unknown-path', `${pathname.slice(0, 200)} is not part of the API`);
  }
}

function queryKind(url: URL): ProxyQuery {
  const what = url.searchParams.get('what') ?? 'config';
  const known = queries.find(query => query === what);
  if (known === undefined) throw new MeshError('unknown-query', `no query "${what}"`, `one of ${queries.join(', ')}`);
  return known;
}

/** Every sidecar, as a Prometheus on this machine reaches it. */
function targetsOf({ project, workloads }: StatusDocument): readonly ScrapeTargets[] {
  return scrapeTargets(
    project,
    workloads.map(({ name, ...pod }) => ({ ...pod, workload: name })),
  );
}

function explained(body: Asked['body']): ReturnType<typeof readExplainRequest> {
  return readExplainRequest(known(body, ['from', 'method', 'url', 'headers']));
}
