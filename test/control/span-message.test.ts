/** Spans on the control channel: what a sidecar sends is read as it was, and what none of ours sends ends the channel. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ControlError } from '../../src/control/control-error.ts';
import { decodeToDaemon } from '../../src/control/message.ts';
import { maxSpanText, type SpanFacts } from '../../src/snapshot/observation.ts';
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
