import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Failure } from '../../src/proxy/exchange/failure.ts';
import { backoffMs, retriesFailure, retriesStatus } from '../../src/proxy/exchange/retry.ts';
import { hostOf, isAuthority } from '../../src/proxy/http1/authority.ts';
import { looksLikeHttp } from '../../src/proxy/listener/sniff.ts';
import type { RetryCondition, RetryPolicy } from '../../src/snapshot/route-rule.ts';

test('authorities are strict and hosts compare without case, port and trailing dot', () => {
  for (const good of ['a', 'my_app:80', '10.0.0.1:65535', '[::1]:8080', 'A.b.']) assert.ok(isAuthority(good), good);
  for (const bad of ['', 'a b', 'a,b', 'a@b', 'a/b', 'a:', 'a:x', 'a:65536', 'a:123456', '[::1', '[]', 'a%2e', 'a\u3002b'])
    assert.ok(!isAuthority(bad), bad);
  assert.equal(hostOf('APP.Mesh.:8080'), 'app.mesh');
  assert.equal(hostOf('[::1]:80'), '[::1]');
});

describe('retries', () => {
  const policy: RetryPolicy = {
    attempts: 2,
    on: ['5xx'],
    statusCodes: [],
    perTryTimeoutMs: null,
    methods: ['GET'],
    backoffBaseMs: 25,
  };
  test('kinds and methods are as the policy says', () => {
    assert.ok(retriesStatus(policy, 'GET', 500));
    assert.ok(!retriesStatus(policy, 'POST', 500));
    assert.ok(!retriesStatus({ ...policy, on: ['gateway-error'] }, 'GET', 500));
    assert.ok(retriesStatus({ ...policy, on: ['gateway-error'] }, 'GET', 504));
    assert.ok(retriesStatus({ ...policy, on: ['retriable-status-codes'], statusCodes: [409] }, 'GET', 409));
    assert.ok(!retriesStatus({ ...policy, on: ['reset', 'connect-failure'] }, 'GET', 503));
    assert.ok(retriesFailure({ ...policy, on: ['connect-failure'] }, 'POST', 'connect-failed'));
    assert.ok(!retriesFailure({ ...policy, on: ['reset'] }, 'POST', 'upstream-reset'));
    assert.ok(!retriesFailure(policy, 'GET', 'timeout'));
  });
  const conditions: readonly RetryCondition[] = [
    'connect-failure',
    'refused-stream',
    'reset',
    'reset-before-request',
    'gateway-error',
  ];
  const lost: readonly (readonly [Failure, readonly RetryCondition[]])[] = [
    ['connect-failed', ['connect-failure', 'reset-before-request', 'gateway-error']],
    ['upstream-refused', ['refused-stream', 'reset', 'reset-before-request']],
    ['upstream-reset', ['reset']],
    ['upstream-protocol', ['gateway-error']],
    ['overflow', []],
    ['idle-timeout', []],
  ];
  for (const [failure, asked] of lost) {
    test(`${failure} is tried again on ${asked.join(', ') || 'nothing'}`, () => {
      for (const on of conditions) assert.equal(retriesFailure({ ...policy, on: [on] }, 'GET', failure), asked.includes(on), on);
      // Where nothing was done about the request its method does not matter.
      const harmless = failure === 'connect-failed' || failure === 'upstream-refused';
      assert.equal(retriesFailure(policy, 'POST', failure), harmless);
    });
  }
  test('back-off grows, is fully jittered and capped', () => {
    assert.deepEqual(
      [1, 2, 3, 4, 5].map(n => backoffMs(policy, n, 1)),
      [25, 75, 175, 250, 250],
    );
    assert.equal(backoffMs(policy, 3, 0), 0);
    assert.equal(backoffMs({ ...policy, backoffMaxMs: 40 }, 2, 1), 40);
  });
});

test('first bytes tell HTTP from other protocols', () => {
  assert.equal(looksLikeHttp(Buffer.from('GET / HT')), true);
  assert.equal(looksLikeHttp(Buffer.from('PO')), null);
  assert.equal(looksLikeHttp(Buffer.alloc(0)), null);
  assert.equal(looksLikeHttp(Buffer.from('\r\n')), null);
  assert.equal(looksLikeHttp(Buffer.from('\n\r\nGET ')), true);
  assert.equal(looksLikeHttp(Buffer.from('\r\nhello')), false);
  assert.equal(looksLikeHttp(Buffer.from('\r\n'.repeat(50))), true);
  assert.equal(looksLikeHttp(Buffer.from('*1\r\n$4\r\nPING')), false);
  assert.equal(looksLikeHttp(Buffer.from([0x16, 3, 1])), false);
});
