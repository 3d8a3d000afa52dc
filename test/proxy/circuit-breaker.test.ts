import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CircuitBreaker } from '../../src/proxy/cluster/circuit-breaker.ts';
import type { ConnectionLimits } from '../../src/snapshot/cluster-policy.ts';
import { ClusterCounters } from '../../src/telemetry/cluster-metrics.ts';

function make(limits: ConnectionLimits): { readonly breaker: CircuitBreaker; readonly counters: ClusterCounters } {
  const counters = new ClusterCounters();
  const breaker = new CircuitBreaker(counters);
  breaker.use(limits, counters);
  return { breaker, counters };
}

test('without limits everything passes', () => {
  const { breaker, counters } = make({});
  for (let i = 0; i < 1000; i++)
    assert.ok(
      breaker.begin() && breaker.beginRetry() && breaker.beginConnection(i) && breaker.beginPending() && breaker.beginTcp(),
    );
  assert.deepEqual({ ...counters, retries: 0 }, { ...new ClusterCounters() });
  assert.equal(counters.retries, 1000);
});

test('requests in progress', () => {
  const { breaker, counters } = make({ maxRequests: 2 });
  assert.deepEqual([breaker.begin(), breaker.begin(), breaker.begin()], [true, true, false]);
  breaker.end();
  assert.deepEqual([breaker.begin(), breaker.begin()], [true, false]);
  assert.equal(counters.requestOverflow, 2);
});

test('retries: a number, or a share of the requests but never below the minimum', () => {
  const { breaker, counters } = make({ maxRetries: 1 });
  assert.deepEqual([breaker.beginRetry(), breaker.beginRetry()], [true, false]);
  breaker.endRetry();
  assert.ok(breaker.beginRetry());
  assert.equal(counters.retryOverflow, 1);

  const none = make({ maxRetries: 0 }).breaker;
  assert.equal(none.beginRetry(), false);

  const budget = make({ maxRetries: 0, retryBudget: { percent: 20, minConcurrency: 3 } }).breaker;
  const granted = (): number => {
    let n = 0;
    while (budget.beginRetry()) n++;
    return n;
  };
  assert.equal(granted(), 3);
  for (let i = 0; i < 50; i++) budget.begin();
  assert.equal(granted(), 7, 'ten of fifty');
});

test('connections: an endpoint without any may always make one', () => {
  const { breaker } = make({ maxConnections: 2 });
  assert.ok(breaker.beginConnection(0));
  assert.ok(breaker.beginConnection(1));
  assert.equal(breaker.beginConnection(2), false);
  assert.ok(breaker.beginConnection(0), 'of another endpoint');
  breaker.endConnection();
  assert.equal(breaker.beginConnection(2), false);
  breaker.endConnection();
  assert.ok(breaker.beginConnection(1));
});

test('raw TCP cannot wait and shares the connections with HTTP/1', () => {
  const { breaker, counters } = make({ maxConnections: 2 });
  assert.ok(breaker.beginConnection(0));
  assert.ok(breaker.beginTcp());
  assert.equal(breaker.beginTcp(), false);
  assert.equal(counters.connectionOverflow, 1);
});

test('waiting requests', () => {
  const { breaker, counters } = make({ maxConnections: 1, maxPendingRequests: 1 });
  assert.ok(breaker.beginPending());
  assert.equal(breaker.beginPending(), false);
  assert.equal(counters.requestOverflow, 1);
  breaker.endPending();
  assert.ok(breaker.beginPending());
});

test('limits that come with a reload know what is already there', () => {
  const { breaker, counters } = make({});
  for (let i = 0; i < 5; i++) breaker.begin();
  breaker.use({ maxRequests: 5 }, counters);
  assert.equal(breaker.begin(), false);
  breaker.use({ maxRequests: 6 }, counters);
  assert.ok(breaker.begin());
});
