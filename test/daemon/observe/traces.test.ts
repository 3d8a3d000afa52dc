import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MeshError } from '../../../src/api/mesh-error.ts';
import type { TraceSummary } from '../../../src/api/trace.ts';
import { systemClock } from '../../../src/async/clock.ts';
import { spanDocument, type TracedSpan } from '../../../src/daemon/observe/span-document.ts';
import { Traces } from '../../../src/daemon/observe/traces.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { spanIdOf, spanOf, traceIdOf } from './span-of.ts';

function told(spans: readonly TracedSpan[]): Traces {
  const traces = new Traces(systemClock);
  for (const { from, facts } of spans) traces.take(from, { kind: 'spans', dropped: 0, spans: [facts] });
  return traces;
}

test('a torn trace says where its other part is, on both sides', () => {
  const traces = told([
    spanOf('aa/1', 'reviews', { side: 'server' }),
    spanOf('bb/2', 'reviews', { to: 'ratings', lost: { open: 1, traceId: traceIdOf('aa'), spanId: spanIdOf('1') } }),
  ]);
  const [whole] = traces.find(traceIdOf('aa')).notes;
  assert.match(whole ?? '', /^goes on as `mesh trace bb0+`: reviews called ratings/);
  const [rest] = traces.find(traceIdOf('bb')).notes;
  assert.match(
    rest ?? '',
    /^begins in the middle: reviews called ratings without trace context while it served a request \(`mesh trace aa0+`\)/,
  );
  assert.deepEqual(
    traces.list({}).traces.map(each => [each.traceId.slice(0, 2), each.broken]),
    [
      ['aa', false],
      ['bb', true],
    ],
  );
});

test('of several traces of one request the first is shown', () => {
  const traces = told([
    spanOf('bb/1', 'web', { startMs: 9, requestId: 'r1' }),
    spanOf('aa/1', 'web', { startMs: 5, requestId: 'r1' }),
  ]);
  assert.equal(traces.find('r1').traceId, traceIdOf('aa'));
});

test('an id that is none, and one that is not enough', () => {
  const traces = told([spanOf('abcd1/1', 'web'), spanOf('abcd2/1', 'web')]);
  const codeOf = (id: string): string => {
    try {
      traces.find(id);
    } catch (error) {
      return error instanceof MeshError ? error.code : 'bug';
    }
    return '';
  };
  assert.equal(codeOf('ffff'), 'unknown-trace');
  assert.equal(codeOf('abcd'), 'ambiguous-trace');
  assert.equal(codeOf('abcd1'), '');
});

test('what sidecars had to drop is counted', () => {
  const traces = new Traces(systemClock);
  const { from } = spanOf('a/1', 'web');
  traces.take(from, { kind: 'spans', dropped: 7, spans: [] });
  assert.equal(traces.list({}).dropped, 7);
});

test('a client span has the attributes of OpenTelemetry', () => {
  const { name, peer, attributes, error } = spanDocument(spanOf('a/1', 'web', { status: 404 }));
  assert.deepEqual([name, peer, error], ['GET /reviews/{*}', 'reviews', true]);
  assert.deepEqual(attributes, {
    'http.request.method': 'GET',
    'url.full': 'http://reviews:9080/reviews/1?q=x',
    'url.scheme': 'http',
    'url.template': '/reviews/{*}',
    'server.address': 'reviews',
    'server.port': 9080,
    'network.protocol.name': 'http',
    'network.protocol.version': '1.1',
    'network.peer.address': '10.0.0.7',
    'network.peer.port': 9080,
    'user_agent.original': 'curl/8',
    'http.response.status_code': 404,
    'http.request.body.size': 0,
    'http.response.body.size': 5,
    'error.type': '404',
    'mesh.request_id': '7f2c1b0e-request',
    'mesh.route': 'default',
    'mesh.peer': 'reviews-v1-1',
  });
});

test('a server span of a gRPC call that failed after a retry', () => {
  const retried = { atMs: 5, workload: 'reviews-v1-2', address: '10.0.0.8:9080', outcome: '503' };
  const span = spanOf('a/1/9', 'reviews', {
    side: 'server',
    method: 'POST',
    target: '/shop.Reviews/Get',
    path: '/shop.Reviews/Get',
    grpcStatus: '14',
    flag: 'UH',
    details: 'no_healthy_upstream',
    attempts: 2,
    retries: [retried],
    delayMs: 50,
    protocol: 'HTTP/2',
  });
  const { name, attributes, events, error } = spanDocument(span);
  assert.deepEqual([name, error], ['shop.Reviews/Get', true]);
  assert.deepEqual(
    [
      'rpc.system',
      'rpc.grpc.status_code',
      'error.type',
      'mesh.response_flags',
      'mesh.response_code_details',
      'mesh.fault.delay_ms',
      'http.request.resend_count',
      'url.path',
      'network.protocol.version',
    ].map(key => attributes[key]),
    ['grpc', 14, '14', 'UH', 'no_healthy_upstream', 50, 1, '/shop.Reviews/Get', '2'],
  );
  assert.deepEqual(events, [
    {
      atMs: 5,
      name: 'retry',
      attributes: {
        'mesh.attempt': 1,
        'mesh.peer': 'reviews-v1-2',
        'mesh.outcome': '503',
        'network.peer.address': '10.0.0.8',
        'network.peer.port': 9080,
      },
    },
  ]);
});

test('who follows is told of a trace when nothing was heard of it for a second, once, and of none from before', async () => {
  const clock = manualClock();
  const traces = new Traces(clock);
  const take = (...spans: readonly TracedSpan[]): void => {
    for (const { from, facts } of spans) traces.take(from, { kind: 'spans', dropped: 0, spans: [facts] });
  };
  take(spanOf('aa/1', 'web'));
  const gone = new AbortController();
  const told: TraceSummary[] = [];
  const following = (async () => {
    for await (const trace of traces.watch({ service: 'web' }, gone.signal)) told.push(trace);
  })();
  const second = async (): Promise<void> => {
    clock.advance(1_000);
    await new Promise(resolve => setImmediate(resolve));
  };
  take(spanOf('bb/1', 'web'), spanOf('cc/1', 'other'), spanOf('aa/2/1', 'web'));
  await second();
  take(spanOf('bb/2/1', 'reviews'));
  await second();
  assert.deepEqual(told, []);
  await second();
  assert.deepEqual(
    told.map(({ traceId, spans }) => [traceId, spans]),
    [[traceIdOf('bb'), 2]],
  );
  // A span that comes late does not tell it again.
  take(spanOf('bb/3/1', 'reviews'));
  await second();
  await second();
  assert.equal(told.length, 1);
  gone.abort();
  await following;
});
