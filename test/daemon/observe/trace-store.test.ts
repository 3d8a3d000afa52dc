import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TraceStore } from '../../../src/daemon/observe/trace-store.ts';
import { spanIdOf, spanOf, traceIdOf } from './span-of.ts';

const limits = { traces: 3, bytes: 1_000_000, spans: 4 };

test('spans of one trace come together, in whatever order they arrive', () => {
  const store = new TraceStore(limits);
  store.add(spanOf('a/2/1', 'reviews', { side: 'server', startMs: 101, durationMs: 20 }));
  store.add(spanOf('b/1', 'web', { startMs: 50 }));
  store.add(spanOf('a/1', 'web', { startMs: 100, durationMs: 30, status: 503 }));
  const [a, b] = store.list({});
  assert.equal(a?.traceId, traceIdOf('a'));
  assert.equal(b?.traceId, traceIdOf('b'));
  assert.deepEqual(
    [a?.service, a?.name, a?.status, a?.durationMs, a?.spans, a?.errors, a?.services],
    ['web', 'GET /reviews/{*}', 503, 30, 2, 1, ['web', 'reviews']],
  );
  assert.deepEqual(
    store.spans(traceIdOf('a'))?.map(each => each.facts.spanId),
    [spanIdOf('1'), spanIdOf('2')],
  );
});

test('a trace begins where nobody called, also where the clock of the called one is ahead', () => {
  const store = new TraceStore(limits);
  store.add(spanOf('a/2/1', 'reviews', { side: 'server', startMs: 99, durationMs: 20 }));
  store.add(spanOf('a/1', 'web', { startMs: 100, durationMs: 30 }));
  const [a] = store.list({});
  assert.deepEqual([a?.service, a?.startMs, a?.services], ['web', 99, ['web', 'reviews']]);
});

test('the trace that nothing was heard of for longest goes first; a late span keeps its trace', () => {
  const store = new TraceStore(limits);
  for (const id of ['a', 'b', 'c']) store.add(spanOf(`${id}/1`, 'web'));
  store.add(spanOf('a/2/1', 'reviews'));
  store.add(spanOf('d/1', 'web'));
  assert.equal(store.spans(traceIdOf('b')), null);
  assert.equal(store.spans(traceIdOf('a'))?.length, 2);
  assert.equal(store.size, 3);
});

test('memory is bounded by size too', () => {
  const store = new TraceStore({ traces: 1000, bytes: 10_000, spans: 1000 });
  for (let i = 0; i < 100; i++) store.add(spanOf(`${i + 100}/1`, 'web', { target: `/${'x'.repeat(400)}` }));
  assert.ok(store.size >= 5 && store.size <= 7, String(store.size));
});

test('a trace that goes in circles gets no more spans', () => {
  const store = new TraceStore(limits);
  const kept = Array.from({ length: 6 }, (_, i) => store.add(spanOf(`a/${i + 1}`, 'web')));
  assert.deepEqual(kept, [true, true, true, true, false, false]);
});

describe('filters', () => {
  const store = new TraceStore({ ...limits, traces: 10 });
  store.add(spanOf('a/1', 'web', { startMs: 1, durationMs: 5 }));
  store.add(spanOf('b/1', 'web', { startMs: 2, durationMs: 500, status: 504, to: 'ratings' }));
  store.add(spanOf('c/1', 'web', { startMs: 3, status: 404 }));
  store.add(spanOf('d/1', 'web', { startMs: 4, grpcStatus: '14' }));
  store.add(spanOf('e/1', 'jobs', { startMs: 5, status: 0, flag: 'DC', lost: { open: 1, traceId: null, spanId: null } }));
  for (const [title, filter, found] of [
    ['newest first', {}, 'edcba'],
    ['so many', { limit: 2 }, 'ed'],
    ['that a service takes part in', { service: 'ratings' }, 'b'],
    ['as caller too', { service: 'jobs' }, 'e'],
    ['by status', { status: '404' }, 'c'],
    ['by class', { status: '5xx' }, 'b'],
    ['without an answer', { status: '0' }, 'e'],
    ['failed, gRPC too', { status: 'error' }, 'edb'],
    ['slow', { minMs: 100 }, 'b'],
    ['torn off', { broken: true }, 'e'],
  ] as const)
    test(title, () =>
      assert.equal(
        store
          .list(filter)
          .map(each => each.traceId[0])
          .join(''),
        found,
      ),
    );
});

test('a trace is found by its id, the beginning of it, and the id of its request', () => {
  const store = new TraceStore(limits);
  store.add(spanOf('abcd1/1', 'web'));
  store.add(spanOf('abcd2/1', 'web', { requestId: 'other' }));
  assert.deepEqual(store.idsOf(traceIdOf('abcd2')), [traceIdOf('abcd2')]);
  assert.deepEqual(store.idsOf('abcd2'), [traceIdOf('abcd2')]);
  assert.deepEqual(store.idsOf('abcd'), [traceIdOf('abcd1'), traceIdOf('abcd2')]);
  assert.deepEqual(store.idsOf('other'), [traceIdOf('abcd2')]);
  assert.deepEqual(store.idsOf('nobody'), []);
});
