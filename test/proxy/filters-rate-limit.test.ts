import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Caller } from '../../src/proxy/filters/filter.ts';
import { inboundFilters } from '../../src/proxy/filters/order.ts';
import { TokenBuckets } from '../../src/proxy/filters/token-buckets.ts';
import type { RateLimit } from '../../src/snapshot/route-rule.ts';
import type { InboundListener } from '../../src/snapshot/snapshot.ts';
import { manualClock } from '../support/manual-clock.ts';
import { caller, rule, ruleParts, send, table } from './rule-harness.ts';

const limit: RateLimit = { name: 'l', requests: 2, perMs: 1_000, burst: 2, by: { kind: 'all' } };

/** A rule with these limits on a clock that the test moves; `ask` sends a request and tells the status that it ended with, 0 for passed. */
function limited(rateLimits: readonly RateLimit[]) {
  const clock = manualClock();
  const parts = ruleParts({ clock });
  const rules = table([rule({ rateLimits })], parts);
  const ask = (headers: readonly string[] = [], who: Caller = caller): number =>
    send(rules, 'GET /', headers, who).reply?.status ?? 0;
  return { clock, parts, rules, ask };
}

describe('a rate limit', () => {
  test('lets its burst through at once and then so many per time', () => {
    const { clock, ask } = limited([limit]);
    assert.deepEqual([ask(), ask(), ask()], [0, 0, 429]);
    clock.advance(499);
    assert.equal(ask(), 429);
    clock.advance(1);
    assert.deepEqual([ask(), ask()], [0, 429]);
    clock.advance(60_000);
    assert.deepEqual([ask(), ask(), ask()], [0, 0, 429]);
  });

  test('says what it is and when to come back', () => {
    const { rules, ask } = limited([{ ...limit, requests: 1, perMs: 4_000, burst: 3 }]);
    assert.deepEqual([ask(), ask(), ask()], [0, 0, 0]);
    assert.deepEqual(send(rules, 'GET /').reply, {
      status: 429,
      reason: 'Too Many Requests',
      body: 'local_rate_limited',
      flag: 'RL',
      details: 'local_rate_limited',
      close: false,
      lines: 'x-ratelimit-limit: 3\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 12\r\nretry-after: 4\r\n',
    });
  });

  test('by source counts identities, and addresses where there is none', () => {
    const { ask } = limited([{ ...limit, burst: 1, by: { kind: 'source' } }]);
    const named = { ...caller, principal: 'spiffe://t/a' };
    assert.deepEqual([ask([], named), ask([], { ...named, address: '10.9.9.9' }), ask(), ask()], [0, 429, 0, 429]);
    assert.equal(ask([], { ...caller, address: '10.9.9.9' }), 0);
  });

  test('by header counts its values; requests without it share one', () => {
    const { ask } = limited([{ ...limit, burst: 1, by: { kind: 'header', name: 'x-user' } }]);
    assert.deepEqual([ask(['X-User: a']), ask(['x-user: b']), ask(['x-user: a']), ask(), ask()], [0, 0, 429, 0, 429]);
  });

  test('counts what it lets through and what it refuses, also over a new set of rules', () => {
    const { parts, ask } = limited([limit]);
    assert.equal(parts.rateLimits.text(), '');
    assert.deepEqual([ask(), ask(), ask()], [0, 0, 429]);
    const next = ruleParts({ clock: parts.clock, before: parts });
    send(table([rule({ rateLimits: [limit] })], next), 'GET /');
    assert.match(next.rateLimits.text(), /^envoy_http_local_rate_limiter_http_local_rate_limit_ok 2$/m);
    assert.match(next.rateLimits.text(), /^envoy_http_local_rate_limiter_http_local_rate_limit_rate_limited 2$/m);
  });

  test('that refuses takes no token of the others', () => {
    const { clock, ask } = limited([
      { ...limit, name: 'wide', burst: 2 },
      { ...limit, name: 'narrow', requests: 1, burst: 1 },
    ]);
    assert.deepEqual([ask(), ask(), ask()], [0, 429, 429]);
    clock.advance(1_000);
    assert.deepEqual([ask(), ask()], [0, 429]);
  });

  test('keeps its tokens over a swap while name and numbers stay', () => {
    const { parts, ask } = limited([limit]);
    assert.deepEqual([ask(), ask()], [0, 0]);
    const again = (one: RateLimit): number =>
      send(table([rule({ rateLimits: [one] })], ruleParts({ clock: parts.clock, before: parts })), 'GET /').reply?.status ?? 0;
    assert.equal(again(limit), 429);
    assert.equal(again({ ...limit, burst: 3 }), 0);
    assert.equal(again({ ...limit, name: 'm' }), 0);
  });

  test('also stands before an app, behind its access rules', () => {
    const parts = ruleParts({ clock: manualClock() });
    const listener: InboundListener = {
      port: 80,
      protocol: 'http',
      mtls: 'strict',
      published: false,
      cluster: 'inbound|80||a',
      access: { default: 'deny', rules: [] },
      rateLimits: [limit],
    };
    assert.equal(inboundFilters(listener, parts).length, 2);
    assert.equal(inboundFilters({ ...listener, access: null }, parts).length, 1);
  });
});

describe('buckets', () => {
  test('are bounded: strangers with ever new keys cannot fill the memory', () => {
    const buckets = new TokenBuckets({ requests: 1, perMs: 1_000, burst: 1 });
    for (let i = 0; i < 25_000; i++) buckets.take(`key ${i}`, 0);
    assert.ok(buckets.size <= 10_000);
    // The latest are still known.
    assert.ok(buckets.wait('key 24999', 0) > 0);
  });

  test('full ones go first: a busy key is not forgotten for idle ones', () => {
    const buckets = new TokenBuckets({ requests: 1, perMs: 1_000, burst: 1 });
    for (let i = 0; i < 9_999; i++) buckets.take(`idle ${i}`, 0);
    buckets.take('busy', 900);
    buckets.take('one more', 1_000);
    assert.equal(buckets.size, 2);
    assert.ok(buckets.wait('busy', 1_000) > 0);
  });

  test('long keys are cut', () => {
    const buckets = new TokenBuckets({ requests: 1, perMs: 1_000, burst: 1 });
    for (let i = 0; i < 10; i++) buckets.take(`${'x'.repeat(1_000)}${i}`, 0);
    assert.equal(buckets.size, 1);
  });
});
