import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PropagationWatch } from '../../../src/daemon/observe/propagation-watch.ts';
import type { TracedSpan } from '../../../src/daemon/observe/span-document.ts';
import { spanIdOf, spanOf, traceIdOf } from './span-of.ts';

const startMs = 1_000_000;

/** A call without context, made while so many requests were served. */
function lost(open: number, to = 'ratings'): TracedSpan {
  const whose = { traceId: open === 0 ? null : traceIdOf('a'), spanId: open === 0 ? null : spanIdOf('1') };
  return spanOf('b/1', 'reviews', { startMs, to, lost: { open, ...whose } });
}
const kept = (): TracedSpan => spanOf('a/2/1', 'reviews', { startMs, to: 'ratings' });

function verdicts(spans: readonly TracedSpan[], nowMs = startMs): readonly string[] {
  const watch = new PropagationWatch();
  for (const span of spans) watch.add(span);
  return watch.list(nowMs).map(({ service, to, verdict }) => `${service} ${verdict} ${to}`);
}
const times = (n: number, make: () => TracedSpan): TracedSpan[] => Array.from({ length: n }, make);

test('three times while it served just one request: it does', () =>
  assert.deepEqual(verdicts(times(3, () => lost(1))), ['reviews does ratings']));

test('once may be chance', () => assert.deepEqual(verdicts([lost(1)]), ['reviews may ratings']));

test('while it served several, one cannot know', () =>
  assert.deepEqual(verdicts(times(9, () => lost(2))), ['reviews may ratings']));

test('who calls so also while nobody calls it is not accused', () => {
  assert.deepEqual(verdicts(times(9, () => lost(0))), []);
  assert.deepEqual(verdicts([...times(9, () => lost(0)), ...times(3, () => lost(1))]), []);
  assert.deepEqual(verdicts([lost(0), ...times(9, () => lost(1))]), ['reviews may ratings']);
});

test('calls with context are counted, and so many in a row acquit', () => {
  assert.deepEqual(verdicts([...times(3, () => lost(1)), ...times(5, kept)]), ['reviews does ratings']);
  assert.deepEqual(verdicts([...times(3, () => lost(1)), ...times(20, kept)]), []);
  assert.deepEqual(verdicts([...times(3, () => lost(1)), ...times(20, kept), lost(1)]), ['reviews does ratings']);
});

test('spans of the called, and of gateways, accuse nobody', () =>
  assert.deepEqual(verdicts([spanOf('a/1', 'edge', { startMs }), spanOf('a/2/1', 'reviews', { side: 'server', startMs })]), []));

test('what was not seen for long is forgotten; the sure ones come first', () => {
  const spans = [lost(1, 'a'), ...times(3, () => lost(1, 'b'))];
  assert.deepEqual(verdicts(spans), ['reviews does b', 'reviews may a']);
  assert.deepEqual(verdicts(spans, startMs + 16 * 60_000), []);
});

test('the last call is the evidence', () => {
  const watch = new PropagationWatch();
  watch.add(lost(1));
  assert.deepEqual(watch.list(startMs)[0]?.evidence, {
    atMs: startMs,
    workload: 'reviews-1',
    call: 'GET /reviews/{*}',
    callTraceId: traceIdOf('b'),
    traceId: traceIdOf('a'),
  });
});
