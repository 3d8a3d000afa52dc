/** Names of others, everywhere that the command line prints them: nothing is obeyed by a terminal, forges a line, or leaves its quotes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EdgeStats, Golden, GraphDocument, RouteStats, ServiceStats, TrafficEnd } from '../../src/api/stats.ts';
import type { BrokenPropagation, SpanDocument, TraceDocument, TraceSummary } from '../../src/api/trace.ts';
import type { MeshEventBody } from '../../src/api/types.ts';
import { graphDot, graphMermaid, graphText } from '../../src/cli/graph-text.ts';
import { describe } from '../../src/cli/progress.ts';
import { edgeStatsText, edgesText, routesText, servicesText } from '../../src/cli/stats-text.ts';
import { tapText } from '../../src/cli/tap-text.ts';
import { brokenText, tracesText, traceText } from '../../src/cli/trace-text.ts';
import { jsonText } from '../../src/text/escape.ts';
import { harOf } from '../../src/text/har.ts';
import { tappedExchange } from './tapped-exchange.ts';

const evil =
  'a"]<img src=x onerror=alert(1)>\u001b]0;t\u0007\u001b[2J\n✔ all is well\r\n\t"; b -> c;\u202eexe\u2028\u0085\u009b1m\\" #quot; %n \ud83d\ude00 \ud800 end\\';
const plain = { paint: (_style: string, text: string): string => text };
const obeyed = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

const total: Golden = {
  requests: 10,
  failures: 1,
  clientErrors: 0,
  denied: 2,
  successRate: 0.9,
  rps: 1,
  p50Ms: 1,
  p95Ms: 2,
  p99Ms: 3,
  bytesIn: 1,
  bytesOut: 1,
  open: 1,
};
const end = (name: string): TrafficEnd => ({ name, version: name, kind: 'unknown', principal: name });
const edge = (name: string): EdgeStats => ({
  source: end(name),
  destination: end(name),
  protocol: 'http',
  secured: true,
  total,
});
const service = (name: string): ServiceStats => ({ name, version: name, kind: 'unknown', total });
const route = (name: string): RouteStats => ({
  service: name,
  rule: name,
  inForce: false,
  hits: 1,
  failures: 1,
  destinations: [{ service: name, version: name, hits: 1, share: 1, intended: 1 }],
});
const graph = (name: string): GraphDocument => ({
  apiVersion: 1,
  kind: 'Graph',
  from: '',
  to: '',
  nodes: [
    { id: name, name, version: '', kind: 'unknown', total },
    { id: 'web', name: 'web', version: '', kind: 'service', total },
    { id: `${name}@idle`, name, version: '', kind: 'service', total },
  ],
  edges: [
    { source: name, destination: 'web', protocol: 'http', secured: false, total },
    { source: 'web', destination: name, protocol: 'tcp', secured: null, total },
  ],
});
const ids = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', startMs: 0, durationMs: 10 };
const hop = (name: string): SpanDocument => ({
  ...ids,
  spanId: '1',
  parentId: null,
  kind: 'client',
  name,
  service: name,
  workload: name,
  version: name,
  peer: name,
  attributes: { 'http.response.status_code': 503, 'mesh.response_flags': name, 'mesh.response_code_details': name },
  events: [{ name: 'retry', atMs: 1, attributes: { 'mesh.attempt': 1, 'mesh.outcome': name, 'mesh.peer': name } }],
  error: true,
});
const summary = (name: string): TraceSummary => ({
  ...ids,
  requestId: name,
  service: name,
  name,
  status: 200,
  services: [name, name],
  spans: 1,
  errors: 1,
  broken: true,
});
const trace = (name: string): TraceDocument => ({
  apiVersion: 1,
  kind: 'Trace',
  ...summary(name),
  hops: [hop(name), { ...hop(name), kind: 'server', spanId: '2', parentId: '1' }],
  notes: [name],
});
const broken = (name: string): BrokenPropagation => ({
  service: name,
  to: name,
  verdict: 'does',
  alone: 3,
  among: 0,
  idle: 0,
  kept: 0,
  evidence: { atMs: 0, workload: name, call: name, callTraceId: '1', traceId: '2' },
});
const tapped = (name: string) =>
  ({
    ...tappedExchange,
    at: 'web-1',
    caller: '',
    called: '',
    principal: name,
    upstreamAddress: name,
    flag: name,
    method: name,
    target: `/${name}`,
    authority: name,
    grpcStatus: name,
    details: name,
    rule: name,
    requestId: name,
    requestHeaders: [[name, name]],
    responseHeaders: [['x', name]],
  }) as unknown as Parameters<typeof tapText>[0] & typeof tappedExchange & { readonly at: string };

const printed: Readonly<Record<string, (name: string) => readonly string[]>> = {
  stat: name => servicesText([service(name)], plain),
  'stat --by edge, top': name => edgeStatsText([edge(name)], plain),
  edges: name => edgesText([edge(name)], plain),
  routes: name => routesText([route(name)], plain),
  graph: name => graphText(graph(name), plain),
  'graph --format dot': name => graphDot(graph(name)),
  'graph --format mermaid': name => graphMermaid(graph(name)),
  traces: name => tracesText([summary(name)], plain),
  'traces --broken': name => brokenText([broken(name)], plain),
  trace: name => traceText(trace(name), plain),
  tap: name => tapText(tapped(name), true, plain.paint),
};

for (const [command, lines] of Object.entries(printed)) {
  test(`mesh ${command}: one line stays one line, and no terminal obeys it`, () => {
    const shown = lines(evil);
    assert.equal(shown.length, lines('harmless').length);
    for (const line of shown) assert.doesNotMatch(line, obeyed);
  });
}

test('DOT: what is in quotes stays there', () => {
  const quoted = String.raw`"(?:[^"\\]|\\.)*"`;
  const statement = new RegExp(`^  ${quoted}(?: -> ${quoted})?(?: \\[(?:label=${quoted}|style=dashed)(?:, color=red)?\\])?;$`);
  const lines = graphDot(graph(evil));
  assert.ok(lines.length > 5);
  for (const line of lines.slice(3, -1)) assert.match(line, statement);
});

test('Mermaid: neither HTML nor quotes nor brackets of others', () => {
  const lines = graphMermaid(graph(evil));
  assert.ok(lines.length > 3);
  for (const line of lines.slice(1)) {
    assert.match(line, /^ {2}n\d+(?:\(\["[^"<>]*"\]\)|\["[^"<>]*"\]| (?:-\.->|-->)\|"[^"<>]*"\| n\d+)$/);
    for (const [, entity = ''] of line.matchAll(/#([^;]*);/g)) assert.match(entity, /^\d+$/);
  }
});

const told: readonly MeshEventBody[] = [
  { kind: 'denied', from: evil, to: evil, calls: 1 },
  { kind: 'nack', workloads: [evil], reason: evil },
  { kind: 'endpoint', change: 'ejected', service: evil, endpoint: evil, by: [evil] },
  { kind: 'overflow', service: evil, refused: 3, by: [evil] },
  { kind: 'workload', workload: evil, text: evil },
  { kind: 'warning', message: evil, hint: evil },
  { kind: 'fault', change: 'added', text: evil },
  { kind: 'keys', change: 'unreachable', text: evil },
  { kind: 'engine', state: 'lost', reason: evil },
  { kind: 'phase', phase: 'degraded', reason: evil, hint: '' },
  { kind: 'operation', phase: 'failed', operation: { kind: 'create-pod', target: evil, cause: evil } as never, detail: evil },
];
for (const event of told) {
  test(`mesh events: ${event.kind} forges no other event`, () => {
    const text = describe({ seq: 1, at: '', ...event }, { tint: (_style, shown) => shown, addressed: shown => shown }) ?? '';
    const [first = '', ...others] = text.split('\n');
    assert.match(first, /\w/);
    for (const line of [first, ...others]) assert.doesNotMatch(line.replaceAll('\t', ' '), obeyed);
    // What has lines of its own has them below it.
    for (const line of others) assert.match(line, /^ {2}/);
  });
}

test('JSON says it all and moves no cursor', () => {
  for (const document of [edge(evil), graph(evil), trace(evil), tapped(evil), told]) {
    const text = jsonText(document);
    assert.doesNotMatch(text, obeyed);
    assert.deepEqual(JSON.parse(text), document);
  }
});

test('an archive holds any target, and bodies that are no text', () => {
  const targets = ['*', '//', 'http://[', '/?%E0%A4%A=%', `/${evil}`, 'a:443', ''];
  const body = {
    base64: Buffer.from([0, 255, 254, 10, 27, 91]).toString('base64'),
    encoding: 'gzip',
    type: 'text/html',
    cut: true,
  };
  const archive = harOf(
    targets.map(target => ({ ...tapped(evil), target, requestBody: body, responseBody: body })) as never,
    '1',
    {},
  ) as { log: { entries: { request: { url: string } }[] } };
  assert.equal(archive.log.entries.length, targets.length);
  assert.deepEqual(JSON.parse(JSON.stringify(archive)), archive);
});
