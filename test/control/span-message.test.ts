/** Spans on the control channel: what a sidecar sends is read as it was, and what none of ours sends ends the channel. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ControlError } from '../../src/control/control-error.ts';
import { decodeToDaemon } from '../../src/control/message.ts';
import { maxSpanText, type Observed, type SpanFacts } from '../../src/snapshot/observation.ts';
import { packed } from '../../src/snapshot/packed-span.ts';
import { spanOf } from '../daemon/observe/span-of.ts';

const lost = { open: 1, traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };
const retries = [{ atMs: 1.5, workload: 'ratings-v1-1', address: '10.0.0.7:9080', outcome: '503' }];
const { facts } = spanOf('aa/1/2', 'web', { lost, retries, grpcStatus: '14', startMs: 1_700_000_000_000.25 });
const wire = (span: unknown): unknown =>
  JSON.parse(JSON.stringify(packed({ kind: 'spans', dropped: 3, spans: [span as SpanFacts] })));

test('another number of values is refused', () => {
  for (const span of [[], Object.values(facts).slice(1), [...Object.values(facts), 1], facts, null])
    assert.throws(() => decodeToDaemon({ kind: 'spans', dropped: 0, spans: [span] }), ControlError);
});

test('a span arrives as it was sent', () =>
  assert.deepEqual(decodeToDaemon(wire(facts)), { kind: 'spans', dropped: 3, spans: [facts] }));

describe('refused', () => {
  for (const [title, change] of [
    ['an id that is none', { traceId: '../../etc' }],
    ['a parent that is none', { parentId: 'x' }],
    ['a side that is none', { side: 'middle' }],
    ['a negative duration', { durationMs: -1 }],
    ['a text without end', { target: 'x'.repeat(maxSpanText + 1) }],
  ] as const)
    test(title, () => assert.throws(() => decodeToDaemon(wire({ ...facts, ...change })), ControlError));
});

const ids = ['d'.repeat(32), 'c'.repeat(16), null, 1.5, 7.25, 'id'] as const;

test('what a span has in common with the one before it is not sent again, and arrives all the same', () => {
  const [traceId, spanId, parentId, startMs, durationMs, requestId] = ids;
  const next = { ...facts, traceId, spanId, parentId, startMs, durationMs, requestId, retries: [], lost: null };
  const message: Observed = { kind: 'spans', dropped: 0, spans: [facts, next, next] };
  const sent = JSON.parse(JSON.stringify(packed(message))) as { readonly spans: readonly unknown[][] };
  const values = sent.spans.slice(1).map(([, ...rest]) => rest);
  assert.deepEqual(values, [[...ids, [], null], [...ids]]);
  assert.deepEqual(decodeToDaemon(sent), message);
});

test('every fact arrives, whichever of them is another than in the span before', () => {
  const other: SpanFacts = {
    traceId: 'c'.repeat(32),
    spanId: 'd'.repeat(16),
    parentId: null,
    side: 'server',
    startMs: 1,
    durationMs: 2.5,
    requestId: 'another',
    method: 'POST',
    target: '/other?x',
    path: '/other',
    authority: 'other:1',
    protocol: 'HTTP/2',
    status: 503,
    grpcStatus: null,
    flag: 'UH',
    details: 'no_healthy_upstream',
    userAgent: 'other',
    bytesReceived: 3,
    bytesSent: 4,
    rule: 'other',
    to: 'other',
    peer: 'other-1',
    peerAddress: '10.0.0.8:1',
    attempts: 5,
    retries: [],
    delayMs: 6,
    lost: null,
  };
  for (const name of Object.keys(facts) as (keyof SpanFacts)[]) {
    assert.notDeepEqual(facts[name], other[name]);
    const spans = [facts, { ...facts, [name]: other[name] }];
    assert.deepEqual(decodeToDaemon(JSON.parse(JSON.stringify(packed({ kind: 'spans', dropped: 0, spans })))), {
      kind: 'spans',
      dropped: 0,
      spans,
    });
  }
});

test('a list that announces other values than it has is refused', () => {
  const [whole = []] = (
    JSON.parse(JSON.stringify(packed({ kind: 'spans', dropped: 0, spans: [facts] }))) as { spans: unknown[][] }
  ).spans;
  assert.doesNotThrow(() => decodeToDaemon({ kind: 'spans', dropped: 0, spans: [whole, [0, ...ids]] }));
  for (const second of [
    [1, ...ids],
    [0],
    [0, ...ids, 1],
    [-1, ...ids],
    [2 ** 21, ...ids],
    [0.5, ...ids],
    ['1', ...ids, 'GET'],
    [],
  ])
    assert.throws(() => decodeToDaemon({ kind: 'spans', dropped: 0, spans: [whole, second] }), ControlError, String(second));
  assert.throws(() => decodeToDaemon({ kind: 'spans', dropped: 0, spans: [[0, ...ids]] }), ControlError);
});
