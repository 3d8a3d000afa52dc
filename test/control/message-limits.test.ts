/** One message of a sidecar costs the daemon no more than those that ours send. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeToDaemon } from '../../src/control/message.ts';
import { maxEdgesPerMessage } from '../../src/snapshot/edge-signal.ts';
import { maxChangesPerMessage, maxSpansPerMessage, maxSpanText } from '../../src/snapshot/observation.ts';
import { packed } from '../../src/snapshot/packed-span.ts';
import { spanOf } from '../daemon/observe/span-of.ts';

const party = { service: 'a', version: '', workload: '', principal: '' };
const counts = { requests: 1, failures: 0, clientErrors: 0, denied: 0, bytesIn: 0, bytesOut: 0, open: 0 };
const edge = {
  reporter: 'source',
  source: party,
  destination: party,
  protocol: 'http',
  secured: null,
  ...counts,
  durations: [1],
  rules: [{ name: 'a', hits: 1, failures: 0 }],
};
const change = { service: 'a', endpoint: 'b', health: 'ejected' };
const { facts } = spanOf('aa/1/2', 'web', {});
const many = <T>(item: T, count: number): readonly T[] => Array.from({ length: count }, () => item);
/** A moment of which no date can be made. */
const never = 8.64e15 + 1;

describe('refused', () => {
  for (const [title, message] of [
    ['edges without end', { kind: 'signals', edges: many(edge, maxEdgesPerMessage + 1) }],
    ['buckets without end', { kind: 'signals', edges: [{ ...edge, durations: many(1, 100_000) }] }],
    ['rules without end', { kind: 'signals', edges: [{ ...edge, rules: many(edge.rules[0], 100_000) }] }],
    ['spans without end', packed({ kind: 'spans', dropped: 0, spans: many(facts, maxSpansPerMessage + 1) })],
    ['a span of no time', packed({ kind: 'spans', dropped: 0, spans: [{ ...facts, startMs: never }] })],
    ['changes without end', { kind: 'policies', endpoints: many(change, maxChangesPerMessage + 1), overflows: [] }],
    [
      'a certificate that never ends',
      { kind: 'hello', protocol: 1, workload: 'a', version: null, svidExpiresAtMs: never, apps: [] },
    ],
    ['a clock of no time', { kind: 'identity', nowMs: never, svid: null, roots: [], problem: null }],
    ['a request to sign without end', { kind: 'csr', pem: 'x'.repeat(1_000_000) }],
    ['watchers without end', { kind: 'tapped', dropped: many({ id: 1, count: 1 }, 10_000), events: [] }],
  ] as const)
    test(title, () => assert.throws(() => decodeToDaemon(message), { code: 'protocol' }));
});

test('as much as ours send is taken', () => {
  const edges = many(edge, maxEdgesPerMessage);
  assert.deepEqual(decodeToDaemon({ kind: 'signals', edges }), { kind: 'signals', edges });
  const endpoints = many(change, maxChangesPerMessage);
  assert.deepEqual(decodeToDaemon({ kind: 'policies', endpoints, overflows: [] }), {
    kind: 'policies',
    endpoints,
    overflows: [],
  });
});

test('why something was refused is cut', () => {
  const nack = decodeToDaemon({ kind: 'nack', version: 'a', reason: 'x'.repeat(1_000_000) });
  assert.equal(nack.kind === 'nack' && nack.reason.length, maxSpanText);
});
