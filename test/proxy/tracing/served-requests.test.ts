import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestTrace } from '../../../src/proxy/tracing/request-trace.ts';
import { ServedRequests } from '../../../src/proxy/tracing/served-requests.ts';

function traceOf(id: string, more: Partial<RequestTrace> = {}): RequestTrace {
  return {
    traceId: id,
    spanId: `s${id}`,
    parentId: null,
    side: 'server',
    recorded: true,
    lines: '',
    cut: 0,
    beganAt: 0,
    lost: null,
    retries: null,
    older: null,
    newer: null,
    ...more,
  };
}

test('the oldest of those that are being served is named, in whatever order they end', () => {
  const served = new ServedRequests();
  const [a, b, c] = [traceOf('a'), traceOf('b'), traceOf('c')];
  const stand = () => {
    const { open, traceId } = served.lost(1);
    return [open, traceId];
  };
  assert.deepEqual(stand(), [0, null]);
  for (const trace of [a, b, c]) served.add(trace);
  assert.deepEqual(stand(), [3, 'a']);
  served.delete(b);
  assert.deepEqual(stand(), [2, 'a']);
  served.delete(a);
  assert.deepEqual(stand(), [1, 'c']);
  served.add(b);
  assert.deepEqual(stand(), [2, 'c']);
  served.delete(c);
  served.delete(c);
  assert.deepEqual(stand(), [1, 'b']);
  served.clear();
  assert.deepEqual(stand(), [0, null]);
  served.delete(b);
  served.add(a);
  assert.deepEqual(stand(), [1, 'a']);
});

test('an old one is a stream, one that is not recorded has no name, and of too many none is looked at', () => {
  const served = new ServedRequests();
  served.add(traceOf('old'));
  served.add(traceOf('unsampled', { beganAt: 40_000, recorded: false }));
  assert.deepEqual(served.lost(40_001), { open: 1, traceId: null, spanId: null });
  for (let i = 0; i < 63; i++) served.add(traceOf(`${i}`, { beganAt: 40_000 }));
  assert.deepEqual(served.lost(40_001), { open: 65, traceId: null, spanId: null });
});
