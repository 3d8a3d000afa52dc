/** What people see of traces. `UPDATE_GOLDENS=1` writes the pictures anew. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { BrokenPropagation, SpanDocument, TraceDocument, TraceSummary } from '../../src/api/trace.ts';
import { brokenText, tracesText, traceText } from '../../src/cli/trace-text.ts';

const plain = { paint: (_style: string, text: string): string => text };
const startMs = Date.UTC(2026, 10, 23, 4, 41, 0, 123);

function hop(
  ids: string,
  service: string,
  more: Partial<SpanDocument> & { readonly at: number; readonly status?: number },
): SpanDocument {
  const [spanId = '', parentId = null] = ids.split('/');
  const { at, status = 200, attributes, ...rest } = more;
  return {
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    spanId,
    parentId,
    kind: 'client',
    name: 'GET /',
    startMs: startMs + at,
    durationMs: 1,
    service,
    workload: `${service}-1`,
    version: '',
    peer: '',
    attributes: { 'http.response.status_code': status, ...attributes },
    events: [],
    error: status >= 400,
    ...rest,
  };
}

const summary: TraceSummary = {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  requestId: '0b5c2f64-8f5a-4c1e-9a57-6d1f6a3c2b10',
  startMs,
  durationMs: 48.2,
  service: 'web',
  name: 'GET /productpage',
  status: 200,
  services: ['web', 'productpage', 'details', 'reviews', 'ratings'],
  spans: 9,
  errors: 1,
  broken: false,
};

const trace: TraceDocument = {
  apiVersion: 1,
  kind: 'Trace',
  ...summary,
  notes: [
    'may go on as `mesh trace 00f067aa0ba902b7`: reviews called ratings (GET /ratings/{*}) without the trace context that it was given',
  ],
  hops: [
    hop('1', 'web', { at: 0, durationMs: 48.2, name: 'GET /productpage', peer: 'productpage' }),
    hop('2/1', 'productpage', { at: 0.6, durationMs: 47, name: 'GET /productpage', kind: 'server' }),
    hop('3/2', 'productpage', { at: 3, durationMs: 4.04, name: 'GET /details/{*}', peer: 'details' }),
    hop('4/3', 'details', { at: 3.4, durationMs: 3.2, name: 'GET /details/{*}', kind: 'server' }),
    hop('5/2', 'productpage', { at: 9, durationMs: 36, name: 'GET /reviews/{*}', peer: 'reviews' }),
    hop('6/5', 'reviews', { at: 9.5, durationMs: 35, name: 'GET /reviews/{*}', kind: 'server', workload: 'reviews-v2-1' }),
    hop('7/6', 'reviews', {
      at: 12,
      durationMs: 30,
      name: 'GET /ratings/{*}',
      peer: 'ratings',
      status: 503,
      events: [
        {
          atMs: startMs + 20,
          name: 'retry',
          attributes: { 'mesh.attempt': 1, 'mesh.peer': 'ratings-v1-1', 'mesh.outcome': '503' },
        },
        {
          atMs: startMs + 31,
          name: 'retry',
          attributes: { 'mesh.attempt': 2, 'mesh.peer': 'ratings-v1-2', 'mesh.outcome': 'connect-failed' },
        },
      ],
      attributes: {
        'http.response.status_code': 503,
        'mesh.response_flags': 'URX',
      },
    }),
    hop('8/7', 'ratings', {
      at: 32,
      durationMs: 8,
      name: 'GET /ratings/{*}',
      kind: 'server',
      status: 503,
      workload: 'ratings-v1-3',
    }),
    hop('9/8', 'ratings', {
      at: 33,
      durationMs: 6,
      name: 'shop.Stars/Get\u001b[2J',
      peer: '',
      attributes: { 'http.response.status_code': 200, 'rpc.grpc.status_code': 14 },
      error: true,
    }),
  ],
};

const broken: BrokenPropagation = {
  service: 'reviews',
  to: 'ratings',
  verdict: 'does',
  alone: 12,
  among: 3,
  idle: 0,
  kept: 0,
  evidence: {
    atMs: startMs,
    workload: 'reviews-v2-1',
    call: 'GET /ratings/{*}',
    callTraceId: '00f067aa0ba902b700f067aa0ba902b7',
    traceId: summary.traceId,
  },
};

function same(name: string, lines: readonly string[]): void {
  const file = new URL(`../golden/trace-text/${name}.txt`, import.meta.url);
  const text = `${lines.join('\n')}\n`;
  if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(file, text);
  assert.equal(text, readFileSync(file, 'utf8'));
}

test('a waterfall', () => same('waterfall', traceText(trace, plain)));

test('a list', () =>
  same(
    'list',
    tracesText(
      [
        summary,
        {
          ...summary,
          traceId: 'a'.repeat(32),
          service: 'reviews',
          name: 'GET /ratings/{*}',
          status: 0,
          durationMs: 1234,
          spans: 1,
          services: ['reviews', 'ratings'],
          broken: true,
        },
      ],
      plain,
    ),
  ));

test('who loses context', () => {
  const may = {
    ...broken,
    service: 'details',
    verdict: 'may',
    alone: 1,
    idle: 1,
    evidence: { ...broken.evidence, traceId: null },
  } as const;
  same('broken', brokenText([broken, may], plain));
  assert.deepEqual(brokenText([], plain), ['no service was seen to lose trace context']);
});

test('bars never leave their column, whatever spans say of their time', () => {
  const odd = [
    hop('1', 'a', { at: -5, durationMs: 1000 }),
    hop('2/1', 'b', { at: 9999, durationMs: 0 }),
    hop('3/4', 'c', { at: 1 }),
    hop('4/3', 'd', { at: 1 }),
  ];
  const lines = traceText({ ...trace, hops: odd, durationMs: 0 }, plain);
  for (const name of ['a', 'b', 'c', 'd'])
    assert.ok(
      lines.some(line => line.includes(`${name} →`)),
      name,
    );
  for (const line of lines) assert.ok((line.match(/█/g) ?? []).length <= 40);
});
