/** What the API of a made-up mesh answers: the bookshop's shape, with names and numbers that a test chooses. */
import type { AccessMatrixDocument } from '../../src/api/access.ts';
import type { CaDocument } from '../../src/api/ca.ts';
import type {
  EdgeStats,
  Golden,
  GoldenPoint,
  GraphDocument,
  RoutesDocument,
  StatsDocument,
  TrafficEnd,
} from '../../src/api/stats.ts';
import type { TapExchange } from '../../src/api/tap.ts';
import type { SpanDocument, TraceDocument } from '../../src/api/trace.ts';
import type { MeshEvent, StatusDocument, WorkloadStatus } from '../../src/api/types.ts';

const second = 1_000;
/** When it all happens: the pages count from the machine's own clock. */
export const stageMs = Date.now();
const iso = (ms: number): string => new Date(ms).toISOString();

/** Golden signals of so many requests in a minute. */
export function golden(requests: number, more: Partial<Golden> = {}): Golden {
  const failures = more.failures ?? 0;
  return {
    requests,
    failures,
    clientErrors: 0,
    denied: 0,
    successRate: requests === 0 ? null : 1 - failures / requests,
    rps: requests / 60,
    p50Ms: requests === 0 ? null : 4,
    p95Ms: requests === 0 ? null : 12,
    p99Ms: requests === 0 ? null : 25,
    bytesIn: requests * 200,
    bytesOut: requests * 900,
    open: requests === 0 ? 0 : 2,
    ...more,
  };
}

/** A service, or what `kind` says. */
export function end(name: string, version = '', kind: TrafficEnd['kind'] = 'service'): TrafficEnd {
  return { name, version, kind, principal: kind === 'service' ? `spiffe://shop.local/ns/default/sa/${name}` : null };
}

/** An edge with a point every ten seconds. */
export function edge(source: TrafficEnd, destination: TrafficEnd, total: Golden, more: Partial<EdgeStats> = {}): EdgeStats {
  const points = Array.from(
    { length: 6 },
    (_, index): GoldenPoint => ({
      ...total,
      requests: total.requests / 6,
      failures: total.failures / 6,
      denied: total.denied / 6,
      clientErrors: total.clientErrors / 6,
      at: iso(stageMs - (5 - index) * 10 * second),
    }),
  );
  return { source, destination, protocol: 'http', secured: true, total, points, ...more };
}

const web = end('web', '', 'gateway');
const shop = end('storefront');

/** Edges of the bookshop: one fails, one is refused, one is raw TCP, one leaves the mesh. */
export const bookshopEdges: readonly EdgeStats[] = [
  edge(end('unknown', '', 'unknown'), web, golden(600), { secured: null }),
  edge(web, shop, golden(600)),
  edge(shop, end('details'), golden(600)),
  edge(shop, end('reviews', 'v1'), golden(540)),
  edge(shop, end('reviews', 'v3'), golden(60, { failures: 12, p95Ms: 240, p99Ms: 400 })),
  edge(end('reviews', 'v3'), end('ratings'), golden(60)),
  edge(end('ratings'), end('redis'), golden(4), { protocol: 'tcp' }),
  edge(end('details'), end('ratings'), golden(30, { denied: 30, clientErrors: 30 })),
  edge(shop, end('api.example.org', '', 'external'), golden(6), { secured: null }),
];

const idOf = ({ name, version, kind }: TrafficEnd): string => `${kind}:${name}${version === '' ? '' : `@${version}`}`;

/** Golden signals of some edges together. */
function sum(edges: readonly EdgeStats[]): Golden {
  const add = (field: keyof Golden): number => edges.reduce((all, { total }) => all + (total[field] ?? 0), 0);
  return golden(add('requests'), { failures: add('failures'), denied: add('denied'), clientErrors: add('clientErrors') });
}

/** All ends of some edges, each once. */
function endsOf(edges: readonly EdgeStats[]): readonly TrafficEnd[] {
  return [...new Map(edges.flatMap(({ source, destination }) => [source, destination]).map(each => [idOf(each), each])).values()];
}

export function statsDocument(edges: readonly EdgeStats[]): StatsDocument {
  const services = endsOf(edges).map(({ name, version, kind }) => {
    const calls = edges.filter(({ destination }) => destination.name === name && destination.version === version);
    return { name, version, kind, total: sum(calls), points: calls[0]?.points ?? [] };
  });
  return {
    apiVersion: 1,
    kind: 'Stats',
    from: iso(stageMs - 60 * second),
    to: iso(stageMs),
    stepMs: 10 * second,
    services,
    edges,
  };
}

export function graphDocument(edges: readonly EdgeStats[]): GraphDocument {
  const nodes = endsOf(edges).map(each => ({
    id: idOf(each),
    name: each.name,
    version: each.version,
    kind: each.kind,
    total: sum(edges.filter(({ destination }) => idOf(destination) === idOf(each))),
  }));
  return {
    apiVersion: 1,
    kind: 'Graph',
    from: iso(stageMs - 60 * second),
    to: iso(stageMs),
    nodes,
    edges: edges.map(({ source, destination, protocol, secured, total }) => ({
      source: idOf(source),
      destination: idOf(destination),
      protocol,
      secured,
      total,
    })),
  };
}

export function routesDocument(name = 'canary'): RoutesDocument {
  const share = (
    version: string,
    hits: number,
    intended: number | null,
  ): RoutesDocument['routes'][number]['destinations'][number] => ({
    service: 'reviews',
    version,
    hits,
    share: hits / 600,
    intended,
  });
  return {
    apiVersion: 1,
    kind: 'Routes',
    from: iso(stageMs - 60 * second),
    to: iso(stageMs),
    routes: [
      {
        service: 'reviews',
        rule: 'jason',
        inForce: true,
        hits: 0,
        failures: 0,
        destinations: [{ ...share('v2', 0, 1), share: null }],
      },
      {
        service: 'reviews',
        rule: name,
        inForce: true,
        hits: 600,
        failures: 12,
        destinations: [share('v1', 540, 0.9), share('v3', 60, 0.1)],
      },
      { service: 'reviews', rule: 'of before', inForce: false, hits: 12, failures: 0, destinations: [share('v1', 12, null)] },
    ],
  };
}

function workload(service: string, version = ''): WorkloadStatus {
  const container = {
    id: `${service}-id`,
    name: `shop-${service}-1`,
    image: `${service}:1`,
    state: 'running',
    health: 'healthy',
    exitCode: null,
    oomKilled: false,
    startedAt: iso(stageMs - 600 * second),
  } as const;
  return {
    name: `${service}${version === '' ? '' : `-${version}`}-1`,
    service,
    version,
    kind: 'service',
    replica: 1,
    address: '172.18.0.5',
    app: container,
    sidecar: container,
    pause: container,
    ports: [9080],
    proxy: {
      state: 'SYNCED',
      connected: true,
      acked: 'a1',
      sent: 'a1',
      reason: '',
      listening: [9080],
      svidExpiresAtMs: stageMs + 3_600_000,
      svidLate: 0,
    },
  };
}

export function statusDocument(project = 'bookshop', more: Partial<StatusDocument> = {}): StatusDocument {
  return {
    apiVersion: 1,
    kind: 'Status',
    project,
    trustDomain: 'shop.local',
    daemon: {
      pid: 4711,
      version: '0.1.0',
      startedAt: iso(stageMs - 600 * second),
      uptimeMs: 600 * second,
      phase: 'running',
      reason: '',
      adminUrl: 'http://127.0.0.1:15080',
    },
    engine: { state: 'connected', reason: '' },
    config: {
      file: '/shop/mesh.yaml',
      version: 'a1b2c3',
      lastReload: {
        ok: true,
        at: iso(stageMs - 60 * second),
        durationMs: 41,
        sinceSavedMs: 92,
        kind: 'routing',
        summary: '1 route changed, acked by 7 sidecars in 38 ms',
      },
      diagnostics: [],
    },
    workloads: [
      workload('storefront'),
      workload('details'),
      workload('reviews', 'v1'),
      workload('reviews', 'v3'),
      workload('ratings'),
      workload('redis'),
    ],
    gateways: [{ name: 'web', url: 'http://127.0.0.1:8080' }],
    faults: [],
    ...more,
  };
}

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

/** One hop of the trace below. */
export function span(number: number, parent: number | null, more: Partial<SpanDocument>): SpanDocument {
  const id = (n: number): string => n.toString(16).padStart(16, '0');
  return {
    traceId,
    spanId: id(number),
    parentId: parent === null ? null : id(parent),
    kind: 'server',
    name: 'GET /productpage',
    startMs: stageMs,
    durationMs: 40,
    service: 'storefront',
    workload: 'storefront-1',
    version: '',
    peer: 'web',
    attributes: { 'http.request.method': 'GET', 'url.path': '/productpage', 'http.response.status_code': 200 },
    events: [],
    error: false,
    ...more,
  };
}

export function traceDocument(name = 'GET /productpage'): TraceDocument {
  const hops = [
    span(1, null, { kind: 'client', service: 'web', workload: 'web-1', name, peer: 'storefront', durationMs: 42 }),
    span(2, 1, { name }),
    span(3, 2, {
      kind: 'client',
      name: 'GET /reviews/0',
      startMs: stageMs + 5,
      durationMs: 30,
      peer: 'reviews',
      attributes: { 'http.response.status_code': 200, 'mesh.route': 'reviews[0]' },
      events: [
        {
          atMs: stageMs + 15,
          name: 'retry',
          attributes: { 'mesh.attempt': 1, 'mesh.peer': 'reviews-v1-1', 'mesh.outcome': 'connect-failure' },
        },
      ],
    }),
    span(4, 3, {
      service: 'reviews',
      version: 'v3',
      workload: 'reviews-v3-1',
      name: 'GET /reviews/0',
      startMs: stageMs + 16,
      durationMs: 18,
      error: true,
      attributes: { 'http.response.status_code': 503 },
    }),
  ];
  return {
    apiVersion: 1,
    kind: 'Trace',
    traceId,
    requestId: '0f1e2d3c-aaaa-4bbb-8ccc-000000000001',
    startMs: stageMs,
    durationMs: 42,
    service: 'web',
    name,
    status: 200,
    services: ['web', 'storefront', 'reviews'],
    spans: hops.length,
    errors: 1,
    broken: false,
    hops,
    notes: [],
  };
}

/** A live request. */
export function tapExchange(number: number, more: Partial<TapExchange> = {}): TapExchange {
  return {
    kind: 'exchange',
    at: 'reviews-v1-1',
    side: 'destination',
    caller: 'storefront',
    called: 'reviews',
    principal: 'spiffe://shop.local/ns/default/sa/storefront',
    remoteAddress: '172.18.0.4:51234',
    upstreamAddress: '127.0.0.1:9080',
    startMs: stageMs + number * 10,
    flag: '-',
    durationMs: 3.2,
    protocol: 'HTTP/1.1',
    method: 'GET',
    target: `/reviews/${number}`,
    authority: 'reviews:9080',
    status: 200,
    grpcStatus: null,
    details: 'via_upstream',
    rule: 'canary',
    requestId: `0f1e2d3c-aaaa-4bbb-8ccc-${String(number).padStart(12, '0')}`,
    traceId,
    bytesReceived: 0,
    bytesSent: 295,
    requestHeaders: [
      ['user-agent', 'curl/8.5'],
      ['end-user', 'jason'],
    ],
    responseHeaders: [['content-type', 'application/json']],
    requestBody: null,
    responseBody: null,
    ...more,
  };
}

export function accessMatrix(): AccessMatrixDocument {
  const services = ['storefront', 'details', 'reviews', 'ratings', 'redis'];
  const callers = [null, 'web', ...services];
  const cells = callers.flatMap(from =>
    services.map(to => {
      const rules = from === 'web' && to === 'storefront' ? ['front'] : from === 'storefront' && to !== 'redis' ? ['shop'] : [];
      return {
        from,
        to,
        port: 9080,
        verdict:
          rules.length > 0
            ? ('allowed' as const)
            : from === 'reviews' && to === 'ratings'
              ? ('depends' as const)
              : ('denied' as const),
        rules,
      };
    }),
  );
  return { apiVersion: 1, kind: 'AccessMatrix', callers, services, cells };
}

export function caDocument(): CaDocument {
  const svid = (workload: string, lifeMs: number, late = 0): CaDocument['svids'][number] => ({
    workload,
    spiffeId: `spiffe://shop.local/ns/default/sa/${workload.replace(/-1$/, '')}`,
    serialNumber: '1a2b3c',
    root: 'ab:cd',
    since: iso(stageMs - 1_800_000),
    expiresAt: iso(stageMs + lifeMs),
    late,
    problem: '',
  });
  return {
    apiVersion: 1,
    kind: 'Ca',
    trustDomain: 'shop.local',
    now: iso(stageMs),
    svidTtlMs: 3_600_000,
    roots: [
      { role: 'active', fingerprint: 'ab:cd', notBefore: iso(stageMs - 86_400_000), expiresAt: iso(stageMs + 86_400_000 * 365) },
    ],
    rotation: null,
    svids: [svid('storefront-1', 1_800_000), svid('ratings-1', 60_000, 0.4)],
  };
}

export function events(text = 'storefront was restarted'): readonly MeshEvent[] {
  const at = (back: number): string => iso(stageMs - back * second);
  return [
    { seq: 1, at: at(600), kind: 'phase', phase: 'running', reason: '', hint: '' },
    { seq: 2, at: at(300), kind: 'workload', workload: 'storefront-1', text },
    {
      seq: 3,
      at: at(60),
      kind: 'reload',
      file: '/shop/mesh.yaml',
      result: {
        ok: true,
        at: at(60),
        durationMs: 41,
        sinceSavedMs: 92,
        kind: 'routing',
        summary: '1 route changed, acked by 7 sidecars in 38 ms',
      },
    },
    { seq: 4, at: at(5), kind: 'denied', from: 'details', to: 'ratings', calls: 30 },
  ];
}
