/** What people see of the traffic. `UPDATE_GOLDENS=1` writes the pictures anew. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import type { EdgeStats, Golden, GraphDocument, RouteStats, ServiceStats, TrafficEnd } from '../../src/api/stats.ts';
import { graphDot, graphMermaid, graphText } from '../../src/cli/graph-text.ts';
import { Output, type TextStream } from '../../src/cli/output.ts';
import { edgeStatsText, edgesText, routesText, servicesText } from '../../src/cli/stats-text.ts';

const plain = { paint: (_style: string, text: string): string => text };
const evil = '"]<img src=x onerror=alert(1)>\u001b[31m\n';

function golden(over: Partial<Golden> = {}): Golden {
  const none = { p50Ms: null, p95Ms: null, p99Ms: null, bytesIn: 0, bytesOut: 0, open: 0 };
  return { requests: 0, failures: 0, clientErrors: 0, denied: 0, successRate: null, rps: 0, ...none, ...over };
}

const busy = golden({ requests: 738, successRate: 1, rps: 12.3, p50Ms: 3.4, p95Ms: 9.2, p99Ms: 1_250, open: 4 });
const failing = golden({ requests: 100, failures: 30, successRate: 0.7, rps: 1.667, p50Ms: 0.4, p95Ms: 48, p99Ms: 99 });
const almost = golden({ requests: 10_000, failures: 1, successRate: 0.9999, rps: 166.67, p50Ms: 1, p95Ms: 2, p99Ms: 3 });
const refused = golden({
  requests: 20,
  clientErrors: 20,
  denied: 20,
  successRate: 1,
  rps: 0.333,
  p50Ms: 0.5,
  p95Ms: 1,
  p99Ms: 1,
});

function end(name: string, version = '', kind: TrafficEnd['kind'] = 'service'): TrafficEnd {
  const principal = kind === 'unknown' || kind === 'external' ? null : `spiffe://shop.local/ns/default/sa/${name}`;
  return { name, version, kind, principal };
}

const edges: readonly EdgeStats[] = [
  { source: end('ingress', '', 'gateway'), destination: end('web'), protocol: 'http', secured: true, total: busy },
  { source: end('unknown', '', 'unknown'), destination: end('web'), protocol: 'http', secured: false, total: almost },
  { source: end('web'), destination: end('reviews', 'v2'), protocol: 'grpc', secured: true, total: failing },
  { source: end('web'), destination: end('ratings'), protocol: 'http', secured: true, total: refused },
  {
    source: end('web'),
    destination: end('redis'),
    protocol: 'tcp',
    secured: true,
    total: golden({ requests: 2, successRate: 1, rps: 0.033, open: 2 }),
  },
  { source: end('web'), destination: end(evil, '', 'external'), protocol: 'http', secured: null, total: busy },
];
const services: readonly ServiceStats[] = [
  { name: 'ratings', version: '', kind: 'service', total: refused },
  { name: 'redis', version: '', kind: 'service', total: golden() },
  { name: 'reviews', version: 'v1', kind: 'service', total: almost },
  { name: 'reviews', version: 'v2', kind: 'service', total: failing },
  { name: evil, version: '', kind: 'external', total: busy },
];
const routes: readonly RouteStats[] = [
  {
    service: 'reviews',
    rule: 'canary',
    inForce: true,
    hits: 1000,
    failures: 30,
    destinations: [
      { service: 'reviews', version: 'v1', hits: 897, share: 0.897, intended: 0.9 },
      { service: 'reviews', version: 'v2', hits: 103, share: 0.103, intended: 0.1 },
    ],
  },
  { service: 'reviews', rule: 'teapot', inForce: true, hits: 0, failures: 0, destinations: [] },
  {
    service: 'web',
    rule: 'old',
    inForce: false,
    hits: 5,
    failures: 0,
    destinations: [{ service: 'web', version: '', hits: 5, share: 1, intended: null }],
  },
];
const graph: GraphDocument = {
  apiVersion: 1,
  kind: 'Graph',
  from: '',
  to: '',
  nodes: ['idle', 'ingress', 'ratings', 'redis', 'reviews@v2', 'unknown', 'web', evil].map(id => {
    const [name = '', version = ''] = id.split('@');
    const kind = id === 'unknown' ? 'unknown' : id === evil ? 'external' : id === 'ingress' ? 'gateway' : 'service';
    return { id, name, version, kind, total: golden() };
  }),
  edges: edges.map(({ source, destination, ...rest }) => ({
    ...rest,
    source: source.name,
    destination: destination.version === '' ? destination.name : `${destination.name}@${destination.version}`,
  })),
};

for (const [name, lines] of [
  ['stat', servicesText(services, plain)],
  ['stat-by-edge', edgeStatsText(edges, plain)],
  ['edges', edgesText(edges, plain)],
  ['routes', routesText(routes, plain)],
  ['graph', graphText(graph, plain)],
  ['graph-dot', graphDot(graph)],
  ['graph-mermaid', graphMermaid(graph)],
] as const)
  test(`${name}: as it was looked at, and no name is obeyed by terminal, Graphviz or browser`, () => {
    const file = new URL(`../golden/stats-text/${name}.txt`, import.meta.url);
    const text = `${lines.join('\n')}\n`;
    if (process.env['UPDATE_GOLDENS'] === '1') {
      mkdirSync(dirname(file.pathname), { recursive: true });
      writeFileSync(file, text);
    }
    assert.equal(text, readFileSync(file, 'utf8'));
    assert.doesNotMatch(text, /\u001b/);
    if (name === 'graph-mermaid') assert.doesNotMatch(text, /[<]|"\]</);
  });

test('a live table redraws in place and stays within the terminal', () => {
  const written: string[] = [];
  const screen: TextStream = { isTTY: true, rows: 2, write: text => written.push(text) > 0 };
  const output = new Output(screen, screen, { stdout: false, stderr: false });
  output.redraw(['one', 'two\u001b[2J', 'three']);
  assert.equal(written.join(''), '\u001b[Hone\u001b[K\ntwo\\u001b[2J\u001b[K\u001b[J');
});
