import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Golden, GraphDocument, GraphEdge, GraphNode } from '../../src/api/stats.ts';
import type { ConfigDocument } from '../../src/api/types.ts';
import { mapModel } from '../../src/dashboard/pages/map/map-model.ts';
import { readMapView } from '../../src/dashboard/pages/map/map-view.ts';
import { noFacts, serviceFacts } from '../../src/dashboard/pages/map/service-facts.ts';
import { healthOf } from '../../src/dashboard/view/health.ts';

const calls = (requests: number, more: Partial<Golden> = {}): Golden => ({
  requests,
  failures: 0,
  clientErrors: 0,
  denied: 0,
  successRate: null,
  rps: requests / 60,
  p50Ms: 4,
  p95Ms: 12,
  p99Ms: 1_500,
  bytesIn: 0,
  bytesOut: 0,
  open: 0,
  ...more,
});
const node = (name: string, version = '', kind: GraphNode['kind'] = 'service', total = calls(60)): GraphNode => ({
  id: version === '' ? name : `${name}@${version}`,
  name,
  version,
  kind,
  total,
});
const edge = (source: string, destination: string, total = calls(60), more: Partial<GraphEdge> = {}): GraphEdge => ({
  source,
  destination,
  protocol: 'http',
  secured: true,
  total,
  ...more,
});
const graph = (nodes: readonly GraphNode[], edges: readonly GraphEdge[]): GraphDocument => ({
  apiVersion: 1,
  kind: 'Graph',
  from: '2025-01-01T00:00:00Z',
  to: '2025-01-01T00:01:00Z',
  nodes,
  edges,
});
const view = (query = '') => readMapView(new URLSearchParams(query));
const shop = graph(
  [
    node('web', '', 'gateway', calls(0)),
    node('shop'),
    node('reviews', 'v1'),
    node('reviews', 'v2'),
    node('idle', '', 'service', calls(0)),
  ],
  [
    edge('web', 'shop', calls(600)),
    edge('shop', 'reviews@v1', calls(60, { failures: 6 })),
    edge('shop', 'reviews@v2', calls(60, { denied: 60, clientErrors: 60 })),
    edge('reviews@v1', 'idle', calls(0)),
  ],
);
const ids = (list: readonly { readonly id: string }[]): readonly string[] => list.map(({ id }) => id);

describe('health, by the thresholds of Kiali', () => {
  for (const [what, total, health] of [
    ['no calls', calls(0), 'idle'],
    ['all is well', calls(100), 'good'],
    ['one fails', calls(100, { failures: 1 }), 'warn'],
    ['a tenth fails', calls(100, { failures: 10 }), 'bad'],
    ['9 % are 4xx', calls(100, { clientErrors: 9 }), 'good'],
    ['a tenth is 4xx', calls(100, { clientErrors: 10 }), 'warn'],
    ['a fifth is 4xx', calls(100, { clientErrors: 20 }), 'bad'],
    ['refused calls are no 4xx of the service', calls(100, { clientErrors: 50, denied: 50 }), 'good'],
    ['what was let through counts', calls(100, { failures: 5, clientErrors: 50, denied: 50 }), 'bad'],
    ['all was refused', calls(50, { clientErrors: 50, denied: 50 }), 'idle'],
  ] as const)
    test(what, () => assert.equal(healthOf(total, 'http'), health));

  test('refused connections of raw TCP are not among those that were made', () => {
    assert.equal(healthOf(calls(10, { denied: 40 }), 'tcp'), 'good');
    assert.equal(healthOf(calls(0, { denied: 40 }), 'tcp'), 'idle');
  });
});

describe('the map', () => {
  test('puts versions of one service in a box, and no others', () => {
    const model = mapModel(shop, view(), noFacts);
    assert.deepEqual(model.boxes, [{ id: 'box service reviews', label: 'reviews' }]);
    assert.deepEqual(
      model.nodes.map(({ label, box }) => [label, box]),
      [
        ['web', null],
        ['shop', null],
        ['v1', 'box service reviews'],
        ['v2', 'box service reviews'],
        ['idle', null],
      ],
    );
    const single = mapModel(graph([node('reviews', 'v1')], []), view(), noFacts);
    assert.deepEqual([single.boxes, single.nodes[0]?.label], [[], 'reviews v1']);
  });

  test('says what edges carry, with a sign beside the colour', () => {
    const labels = (query: string): readonly string[] => mapModel(shop, view(query), noFacts).edges.map(({ label }) => label);
    assert.deepEqual(labels(''), ['10 rps', '✕ 1.0 rps\n10 % failed', '1.0 rps\n60 denied', '']);
    assert.deepEqual(labels('label=p99'), ['1.5 s', '✕ 1.5 s', '1.5 s', '']);
    assert.deepEqual(labels('label=none'), ['', '✕', '', '']);
    const tcp = graph(shop.nodes, [edge('shop', 'idle', calls(4), { protocol: 'tcp', secured: null })]);
    assert.deepEqual(
      mapModel(tcp, view(), noFacts).edges.map(({ label, secured }) => [label, secured]),
      [['tcp 0.07 rps', false]],
    );
  });

  test('draws edges the thicker the more pass, within bounds', () => {
    const width = (rps: number): number =>
      mapModel(graph(shop.nodes, [edge('web', 'shop', calls(1, { rps }))]), view(), noFacts).edges[0]?.width ?? 0;
    assert.deepEqual([0, 1, 10, 100, 1e9].map(width), [1.5, 2, 3, 4.5, 8]);
  });

  test('who calls and is not called is not idle', () => {
    const states = mapModel(shop, view(), noFacts).nodes.map(({ health, calling }) => [health, calling]);
    assert.deepEqual(states[0], ['idle', true]);
    assert.deepEqual(states[4], ['idle', false]);
  });

  for (const [what, query, nodes, edges] of [
    ['failing calls', 'only=failing', ['shop', 'reviews@v1'], ['shop → reviews@v1 http']],
    ['denied calls', 'only=denied', ['shop', 'reviews@v2'], ['shop → reviews@v2 http']],
    ['a name, with its neighbours', 'name=WEB', ['web', 'shop'], ['web → shop http']],
    ['a version', 'name=reviews v2', ['shop', 'reviews@v2'], ['shop → reviews@v2 http']],
    [
      'all that is not idle',
      'idle=hide',
      ['web', 'shop', 'reviews@v1', 'reviews@v2'],
      ['web → shop http', 'shop → reviews@v1 http', 'shop → reviews@v2 http'],
    ],
    ['nothing', 'name=nobody', [], []],
  ] as const)
    test(`shows only ${what}`, () => {
      const model = mapModel(shop, view(query), noFacts);
      assert.deepEqual(
        ids(model.nodes),
        nodes.map(id => `node ${id}`),
      );
      assert.deepEqual(
        ids(model.edges),
        edges.map(id => `edge ${id}`),
      );
    });

  test('narrows down by what the configuration says of services', () => {
    const version = (name: string, labels: Record<string, string> = {}) => ({ name, container: { labels } });
    const facts = serviceFacts({
      namespace: 'default',
      services: [
        { name: 'shop', namespace: 'front', versions: [version('', { team: 'a=b' })] },
        { name: 'reviews', namespace: 'back', versions: [version('v1', { team: 'x' }), version('v2')] },
      ],
    } as unknown as ConfigDocument['config']);
    assert.deepEqual(facts.namespaces, ['back', 'default', 'front']);
    assert.deepEqual(facts.labels, ['team=a=b', 'team=x']);
    const shown = (query: string): readonly string[] => ids(mapModel(shop, view(query), facts).edges);
    assert.deepEqual(shown('namespace=default'), ['edge web → shop http']);
    assert.equal(shown('namespace=back').length, 3);
    assert.deepEqual(shown('tag=team%3Dx'), ['edge shop → reviews@v1 http', 'edge reviews@v1 → idle http']);
    assert.equal(shown('tag=team').length, 4);
    assert.equal(shown('tag=team%3Da%3Db').length, 3);
  });

  test('texts of others cannot steer, and are no longer than a node', () => {
    const name = `\u001b[31m\u202e${'x'.repeat(300)}`;
    const [only] = mapModel(graph([node(name)], []), view(), noFacts).nodes;
    assert.match(only?.label ?? '', /^\\u001b\[31m\\u202ex+…$/);
    assert.equal(only?.label.length, 28);
    assert.equal(only?.title, `\\u001b[31m\\u202e${'x'.repeat(300)}`);
  });

  test('an edge to a node that is not there is not drawn', () => {
    assert.deepEqual(mapModel(graph([node('a')], [edge('a', 'gone')]), view(), noFacts).edges, []);
  });
});

describe('the address', () => {
  test('says nothing: live, the last minute, all of it', () => {
    assert.deepEqual(view(), {
      window: '1m',
      atMs: null,
      label: 'rate',
      only: 'all',
      hideIdle: false,
      name: '',
      namespace: '',
      containerLabel: '',
      moving: false,
      selected: '',
    });
  });

  test('what it does not know is as if it were not there', () => {
    assert.deepEqual(view('window=1y&at=x&label=%3Cimg%3E&only=1&idle=0&move=1'), view());
    assert.equal(view('at=1735689600000').atMs, 1_735_689_600_000);
  });
});
