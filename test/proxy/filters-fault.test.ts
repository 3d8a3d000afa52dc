import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RouteTableRuntime } from '../../src/proxy/route/route-table.ts';
import type { Fault } from '../../src/snapshot/route-rule.ts';
import { rule, ruleParts, send, table } from './rule-harness.ts';

const withFaults = (faults: readonly Fault[], parts = ruleParts({ seed: 1 })): RouteTableRuntime =>
  table([rule({ faults })], parts);
const abort: Fault = { kind: 'abort', status: 503, percent: 100 };
/** Of so many requests, which were ended. */
const ended = (rules: RouteTableRuntime, count: number): readonly boolean[] =>
  Array.from({ length: count }, () => send(rules, 'GET /').reply !== null);
const share = (hits: readonly boolean[]): number => hits.filter(hit => hit).length / hits.length;

describe('faults', () => {
  test('abort answers in place of the service', () => {
    const { reply, cluster } = send(withFaults([abort]), 'GET /');
    assert.equal(cluster, '');
    assert.deepEqual(reply, {
      status: 503,
      reason: 'Service Unavailable',
      body: 'fault filter abort',
      flag: 'FI',
      details: 'fault_filter_abort',
      close: false,
    });
  });

  test('abort has a status of its own for gRPC', () =>
    assert.equal(send(withFaults([{ ...abort, grpcStatus: 14 }]), 'POST /').reply?.grpcStatus, 14));

  test('delays add up, with jitter within its bound, and come before an abort', () => {
    const rules = withFaults([
      { kind: 'delay', ms: 100, jitterMs: 0, percent: 100 },
      { kind: 'delay', ms: 20, jitterMs: 10, percent: 100 },
      abort,
      { kind: 'delay', ms: 5_000, jitterMs: 0, percent: 100 },
    ]);
    const delays = Array.from({ length: 50 }, () => send(rules, 'GET /').decision.delayMs);
    assert.ok(delays.every(ms => ms >= 120 && ms < 130));
    assert.ok(new Set(delays).size > 25);
    assert.equal(send(rules, 'GET /').reply?.flag, 'FI');
  });

  for (const kind of ['reset', 'blackhole'] as const)
    test(`${kind} is left to the exchange, with a line for the log`, () => {
      const { decision, reply } = send(withFaults([{ kind, percent: 100 }]), 'GET /');
      assert.deepEqual([decision.cut, reply?.flag, reply?.details], [kind, 'FI', `fault_filter_${kind}`]);
    });

  test('the narrowest bandwidth counts, and the request goes on', () => {
    const { decision, cluster } = send(
      withFaults([
        { kind: 'bandwidth', bytesPerSecond: 1000, percent: 100 },
        { kind: 'bandwidth', bytesPerSecond: 500, percent: 100 },
        { kind: 'bandwidth', bytesPerSecond: 900, percent: 100 },
      ]),
      'GET /',
    );
    assert.deepEqual([decision.bandwidth, cluster], [500, 'a']);
  });

  test('a percentage is a share of the requests; 0 is none', () => {
    assert.ok(Math.abs(share(ended(withFaults([{ ...abort, percent: 30 }]), 4_000)) - 0.3) < 0.03);
    assert.equal(share(ended(withFaults([{ ...abort, percent: 0 }]), 100)), 0);
  });

  test('draws of different faults are independent: two of 50 % leave a quarter', () => {
    const half = { ...abort, percent: 50 };
    assert.ok(Math.abs(share(ended(withFaults([half, half]), 4_000)) - 0.75) < 0.03);
  });
});

describe('only the first so many', () => {
  const first: Fault = { ...abort, first: 2 };

  test('are hit', () => assert.deepEqual(ended(withFaults([first]), 4), [true, true, false, false]));

  test('of those that would be hit', () =>
    assert.equal(ended(withFaults([{ ...first, percent: 50 }]), 100).filter(hit => hit).length, 2));

  test('the count stays over a swap while the fault does', () => {
    for (const id of [{}, { id: 'f1' }]) {
      const before = ruleParts();
      assert.deepEqual(ended(withFaults([{ ...first, ...id }], before), 1), [true]);
      const after = ruleParts({ before });
      const rules = table([rule({ name: 'put in front' }), rule({ faults: [{ ...first, ...id }] })].reverse(), after);
      assert.deepEqual(ended(rules, 2), [true, false]);
      assert.deepEqual(ended(withFaults([{ ...first, ...id, first: 3 }], ruleParts({ before: after })), 4), [
        true,
        true,
        true,
        false,
      ]);
    }
  });

  test('one with an id keeps its count when another comes before it', () => {
    const before = ruleParts();
    ended(withFaults([{ ...first, id: 'f1' }], before), 1);
    const delay: Fault = { kind: 'delay', ms: 1, jitterMs: 0, percent: 100, id: 'f0' };
    assert.deepEqual(ended(withFaults([delay, { ...first, id: 'f1' }], ruleParts({ before })), 2), [true, false]);
  });

  test('a fault that was away begins anew', () => {
    const before = ruleParts();
    ended(withFaults([{ ...first, id: 'f1' }], before), 2);
    const without = ruleParts({ before });
    withFaults([], without);
    assert.deepEqual(ended(withFaults([{ ...first, id: 'f1' }], ruleParts({ before: without })), 2), [true, true]);
  });
});
