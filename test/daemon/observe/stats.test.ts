import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readStatsRequest, resolveStatsRequest, statsQuery } from '../../../src/api/stats-query.ts';
import type { MeshConfig } from '../../../src/config/mesh-config.ts';
import type { ObservedWorkload } from '../../../src/control/control-plane.ts';
import { routesDocument } from '../../../src/daemon/observe/route-shares.ts';
import type { Moment } from '../../../src/daemon/observe/segment.ts';
import { SignalRecorder } from '../../../src/daemon/observe/signal-recorder.ts';
import { graphDocument, statsDocument, sumEdges } from '../../../src/daemon/observe/stats.ts';
import type { EdgeSignal, Party } from '../../../src/snapshot/edge-signal.ts';
import type { Cluster, Snapshot } from '../../../src/snapshot/snapshot.ts';
import { bucketBounds } from '../../../src/telemetry/histogram.ts';

const service = (name: string, ...versions: string[]): MeshConfig['services'][number] =>
  ({ name, versions: versions.map(version => ({ name: version })) }) as unknown as MeshConfig['services'][number];
const names = {
  services: [service('api', 'v1', 'v2'), service('idle', ''), service('web', '')],
  gateways: [{ name: 'ingress' }] as unknown as MeshConfig['gateways'],
  external: [{ name: 'payments.example' }] as unknown as NonNullable<MeshConfig['external']>,
};
const web: ObservedWorkload = { name: 'web-1', service: 'web', version: '', kind: 'sidecar' };
const api = (version: string): ObservedWorkload => ({ name: `api-${version}-1`, service: 'api', version, kind: 'sidecar' });
const principal = (name: string): string => `spiffe://m.local/ns/default/sa/${name}`;
const party = (name: string, version = ''): Party => ({
  service: name,
  version,
  workload: name,
  principal: name === '' ? '' : principal(name),
});
const query = { fromMs: 0, toMs: 60_000, stepMs: null, services: [] };

function signal(over: Partial<EdgeSignal> = {}): EdgeSignal {
  const requests = over.requests ?? 10;
  return {
    reporter: 'source',
    source: party('web'),
    destination: party('api', 'v1'),
    protocol: 'http',
    secured: null,
    requests,
    failures: 0,
    clientErrors: 0,
    denied: 0,
    // 5 to 10 ms.
    durations: Array.from({ length: bucketBounds.length + 1 }, (_, i) => (i === 3 ? requests : 0)),
    bytesIn: 1,
    bytesOut: 2,
    open: 0,
    rules: [],
    ...over,
  };
}

function momentOf(told: readonly (readonly [ObservedWorkload, EdgeSignal])[], atMs = 60_000): Moment {
  const recorder = new SignalRecorder();
  for (const [from, one] of told) recorder.take(from, [one]);
  return recorder.end(atMs, 1_000, () => true);
}

function summed(moments: readonly Moment[], stepMs: number | null = null, toMs = 60_000): ReturnType<typeof sumEdges> {
  return sumEdges(moments, { fromMs: 0, toMs, stepMs }, () => Promise.resolve());
}

describe('what is told by both ends', () => {
  test('counts once: calls by the caller, security, refusals and connections by the called side', async () => {
    const moment = momentOf([
      [web, signal({ requests: 10, clientErrors: 2, rules: [{ name: 'api/canary', hits: 10, failures: 0 }] })],
      [api('v1'), signal({ reporter: 'destination', requests: 8, secured: true, denied: 2, open: 3 })],
    ]);
    const { edges, services } = statsDocument(await summed([moment]), query, names);
    assert.equal(edges.length, 1);
    const [edge] = edges;
    assert.deepEqual(
      [
        edge?.secured,
        edge?.total.requests,
        edge?.total.denied,
        edge?.total.clientErrors,
        edge?.total.open,
        edge?.total.successRate,
      ],
      [true, 10, 2, 2, 3, 1],
    );
    assert.equal(edge?.total.p50Ms, 7.5);
    assert.equal(edge?.total.rps, 0.167);
    assert.deepEqual(
      services.map(each => [each.name, each.version, each.kind, each.total.requests]),
      [
        ['api', 'v1', 'service', 10],
        ['api', 'v2', 'service', 0],
        ['idle', '', 'service', 0],
        ['ingress', '', 'gateway', 0],
        ['web', '', 'service', 0],
      ],
    );
  });

  test('callers without a sidecar are counted where they arrive', async () => {
    const person = { ...party('alice'), principal: 'spiffe://m.local/person/alice' };
    const { edges } = statsDocument(
      await summed([
        momentOf([
          [api('v1'), signal({ reporter: 'destination', source: party(''), secured: false })],
          [api('v1'), signal({ reporter: 'destination', source: person, secured: true })],
        ]),
      ]),
      query,
      names,
    );
    assert.deepEqual(
      edges.map(({ source, secured, total }) => [source.name, source.kind, source.principal, secured, total.requests]),
      [
        ['alice', 'unknown', 'spiffe://m.local/person/alice', true, 10],
        ['unknown', 'unknown', null, false, 10],
      ],
    );
  });

  test('a sidecar cannot speak for another service', () => {
    const moment = momentOf([[web, signal({ source: party('bank') })]]);
    assert.deepEqual(
      [...moment.rows.keys()].map(({ source }) => source.service),
      ['web'],
    );
  });

  test('a name of a stranger’s making stays a name', async () => {
    const moment = momentOf([[web, signal({ destination: party('<img src=x>\u001b[31m') })]]);
    assert.equal(statsDocument(await summed([moment]), query, names).edges[0]?.destination.name, '<img src=x>\u001b[31m');
  });

  test('too many edges are one', () => {
    const recorder = new SignalRecorder();
    for (let i = 0; i < 5_000; i++) recorder.take(web, [signal({ requests: 1, destination: party(`s${i}`) })]);
    const { rows } = recorder.end(1_000, 1_000, () => true);
    assert.equal(rows.size, 4_097);
    assert.equal([...rows].find(([name]) => name.source.service === 'overflow')?.[1].requests, 5_000 - 4_096);
  });

  test('open connections stay until told otherwise, or the sidecar is gone', () => {
    const recorder = new SignalRecorder();
    recorder.take(api('v1'), [signal({ reporter: 'destination', requests: 0, open: 2 })]);
    const open = (connected = true): number[] =>
      [...recorder.end(1_000, 1_000, () => connected).rows.values()].map(row => row.open);
    assert.deepEqual(open(), [2]);
    assert.deepEqual(open(), [2]);
    assert.deepEqual(open(false), []);
    assert.deepEqual(open(), []);
  });
});

test('an edge that is idle at the end has no open connections; steps hold what was in them', async () => {
  const busy = momentOf([[api('v1'), signal({ reporter: 'destination', requests: 1, open: 2, source: party('') })]], 10_000);
  const later = momentOf([[web, signal({ requests: 4, failures: 1 })]], 30_000);
  const { edges } = statsDocument(await summed([busy, later], 20_000), { ...query, stepMs: 20_000, services: ['api'] }, names);
  assert.deepEqual(
    edges.map(({ source, total, points }) => [
      source.name,
      total.open,
      points?.map(point => [point.at, point.requests, point.rps]),
    ]),
    [
      ['unknown', 0, [['1970-01-01T00:00:20.000Z', 1, 0.05]]],
      ['web', 0, [['1970-01-01T00:00:40.000Z', 4, 0.2]]],
    ],
  );
});

test('connections of sidecars that tell no more are not open', async () => {
  const told = [momentOf([[api('v1'), signal({ reporter: 'destination', open: 2, source: party('') })]], 10_000)];
  const open = async (toMs: number): Promise<number | undefined> => (await summed(told, null, toMs))[0]?.total.open;
  assert.deepEqual([await open(12_000), await open(14_000)], [2, 0]);
});

test('services that were not asked for are left out', async () => {
  const moment = momentOf([
    [web, signal()],
    [web, signal({ destination: { ...party('payments.example'), principal: '' } })],
  ]);
  const { edges, services } = statsDocument(await summed([moment]), { ...query, services: ['payments.example'] }, names);
  assert.deepEqual(
    [edges.map(({ destination }) => [destination.name, destination.kind]), services.map(({ name }) => name)],
    [[['payments.example', 'external']], ['payments.example']],
  );
});

test('the graph has idle services, strangers and everyone in between as nodes', async () => {
  const moment = momentOf([
    [web, signal()],
    [web, signal({ destination: { ...party('PassthroughCluster'), principal: '' } })],
    [api('v2'), signal({ reporter: 'destination', source: party('') })],
  ]);
  const { nodes, edges } = graphDocument(await summed([moment]), query, names);
  assert.deepEqual(
    nodes.map(({ id, kind }) => `${id} ${kind}`),
    [
      'PassthroughCluster passthrough',
      'api@v1 service',
      'api@v2 service',
      'idle service',
      'ingress gateway',
      'unknown unknown',
      'web service',
    ],
  );
  assert.deepEqual(
    edges.map(({ source, destination }) => `${source} ${destination}`),
    ['unknown api@v2', 'web PassthroughCluster', 'web api@v1'],
  );
});

describe('routes', () => {
  const cluster = (subset: string): Cluster =>
    ({ name: `outbound|80|${subset}|api`, service: 'api', subset }) as unknown as Cluster;
  const rule = (name: string, split: readonly (readonly [string, number])[]): object => ({
    name,
    action: { kind: 'forward', split: split.map(([subset, weight]) => ({ cluster: `outbound|80|${subset}|api`, weight })) },
  });
  const snapshot = {
    clusters: ['', 'v1', 'v2'].map(cluster),
    routeTables: [
      {
        virtualHosts: [
          {
            name: 'api',
            rules: [
              rule('canary', [
                ['v1', 90],
                ['v2', 10],
              ]),
              rule('default', [['', 1]]),
            ],
          },
        ],
      },
    ],
  } as unknown as Snapshot;

  test('shares as they were, beside those that the weights ask for', async () => {
    const hit = (version: string, name: string, hits: number, failures = 0): readonly [ObservedWorkload, EdgeSignal] => [
      web,
      signal({ destination: party('api', version), rules: [{ name, hits, failures }] }),
    ];
    const moment = momentOf([
      hit('v1', 'api/canary', 8, 1),
      hit('v2', 'api/canary', 2),
      hit('v1', 'api/default', 3),
      hit('v2', 'api/default', 1),
      hit('v1', 'api/gone', 5),
    ]);
    assert.deepEqual(routesDocument(await summed([moment]), query, [snapshot, snapshot]).routes, [
      {
        service: 'api',
        rule: 'canary',
        inForce: true,
        hits: 10,
        failures: 1,
        destinations: [
          { service: 'api', version: 'v1', hits: 8, share: 0.8, intended: 0.9 },
          { service: 'api', version: 'v2', hits: 2, share: 0.2, intended: 0.1 },
        ],
      },
      {
        service: 'api',
        rule: 'default',
        inForce: true,
        hits: 4,
        failures: 0,
        destinations: [{ service: 'api', version: '', hits: 4, share: 1, intended: 1 }],
      },
      {
        service: 'api',
        rule: 'gone',
        inForce: false,
        hits: 5,
        failures: 0,
        destinations: [{ service: 'api', version: 'v1', hits: 5, share: 1, intended: null }],
      },
    ]);
  });

  test('of a gateway are under its name, whatever their hosts', async () => {
    const ingress: ObservedWorkload = { name: 'ingress-1', service: 'ingress', version: '', kind: 'gateway' };
    const table = { virtualHosts: [{ name: '*', rules: [rule('ingress[0]', [['', 1]])] }] };
    const gateway = { ...snapshot, kind: 'gateway', service: 'ingress', routeTables: [table] } as unknown as Snapshot;
    const hits = (name: string) => ({ name, hits: 2, failures: 0 });
    const rules = [hits('*/ingress[0]'), hits('old.local/ingress[1]')];
    const sums = await summed([momentOf([[ingress, signal({ source: party('ingress'), destination: party('api'), rules })]])]);
    const { routes } = routesDocument(sums, { ...query, services: ['ingress'] }, [snapshot, gateway]);
    assert.deepEqual(
      routes.map(each => [each.service, each.rule, each.inForce, each.hits]),
      [
        ['ingress', 'ingress[0]', true, 2],
        ['ingress', 'ingress[1]', false, 2],
      ],
    );
  });
});

describe('a query for statistics', () => {
  const resolve = (text: string) => resolveStatsRequest(readStatsRequest(new URLSearchParams(text)), 1_700_000_000_000);

  test('means the last minute when it says nothing', () => {
    assert.deepEqual(resolve(''), { fromMs: 1_699_999_940_000, toMs: 1_700_000_000_000, stepMs: null, services: [] });
  });

  test('takes moments as RFC 3339, as ms and as ages, and goes through the client unchanged', () => {
    const request = readStatsRequest(new URLSearchParams('from=-10m&to=2023-11-14T22:13:00Z&step=10s&service=a&service=b'));
    const expected = { fromMs: 1_699_999_400_000, toMs: 1_699_999_980_000, stepMs: 10_000, services: ['a', 'b'] };
    assert.deepEqual(resolveStatsRequest(request, 1_700_000_000_000), expected);
    assert.deepEqual(readStatsRequest(new URLSearchParams(statsQuery(request))), request);
    assert.equal(resolve('to=1699999000000&window=5m').fromMs, 1_699_998_700_000);
  });

  for (const [text, message] of [
    ['to=8640000000000001', /`to` is no time/],
    ['from=-271821-04-20', /`from` is no length of time/],
    ['from=never', /`from` is no time: "never"/],
    ['from=-5x', /`from` is no length of time/],
    ['from=-1m&to=-2m', /`from` is not before `to`/],
    ['window=3d', /`window` is no length of time/],
    ['window=26h', /more than a day/],
    ['step=1ms', /`step` is less than a second/],
    ['window=24h&step=1s', /more than 1500 points/],
    ['windw=1m', /unknown parameter "windw"/],
  ] as const)
    test(`refuses ${text}`, () => {
      assert.throws(() => resolve(text), { code: 'bad-stats-query', message });
    });
});
