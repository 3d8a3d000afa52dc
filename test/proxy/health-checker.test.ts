import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EndpointState } from '../../src/proxy/cluster/endpoint-state.ts';
import { HealthChecker } from '../../src/proxy/cluster/health-checker.ts';
import type { HealthCheck } from '../../src/snapshot/cluster-policy.ts';
import { ClusterCounters } from '../../src/telemetry/cluster-metrics.ts';
import { manualClock } from '../support/manual-clock.ts';

const check: HealthCheck = {
  probe: { kind: 'tcp' },
  intervalMs: 1000,
  timeoutMs: 300,
  healthyThreshold: 2,
  unhealthyThreshold: 3,
};

interface Endpoint {
  readonly state: EndpointState;
}

function bench() {
  const clock = manualClock();
  const counters = new ClusterCounters();
  const member: Endpoint = { state: new EndpointState('e1') };
  const asked: ((well: boolean) => void)[] = [];
  let givenUp = 0;
  let changes = 0;
  const checker = new HealthChecker<Endpoint>(check, {
    clock,
    counters,
    probe(_member, _check, done) {
      asked.push(done);
      return () => givenUp++;
    },
    onChange: () => changes++,
  });
  checker.use(check, [member]);
  /** Answers the check that is open and waits for the next one. */
  const answer = (well: boolean): void => {
    asked.at(-1)?.(well);
    clock.advance(check.intervalMs);
  };
  return { clock, counters, member, asked, checker, answer, givenUp: () => givenUp, changes: () => changes };
}

test('asks at once, then at intervals', () => {
  const { asked, answer, counters } = bench();
  assert.equal(asked.length, 1);
  answer(true);
  answer(true);
  assert.equal(asked.length, 3);
  assert.equal(counters.healthCheckAttempts, 3);
});

test('out after three failures in a row, back after two good checks in a row, which begin a slow start', () => {
  const { answer, member, changes, clock, counters } = bench();
  for (const well of [false, false, true, false, false]) answer(well);
  assert.equal(member.state.unhealthy, false);
  answer(false);
  assert.equal(member.state.unhealthy, true);
  assert.equal(changes(), 1);
  for (const well of [true, false, true]) answer(well);
  assert.equal(member.state.unhealthy, true);
  const back = clock.monotonic();
  answer(true);
  assert.equal(member.state.unhealthy, false);
  assert.equal(member.state.since, back);
  assert.equal(changes(), 2);
  assert.equal(counters.healthCheckFailures, 6);
});

test('no answer in time is a failure, and the question is given up', () => {
  const { clock, member, givenUp, asked } = bench();
  clock.advance(300 + 1000 + 300 + 1000 + 300);
  assert.equal(asked.length, 3);
  assert.equal(givenUp(), 3);
  assert.equal(member.state.unhealthy, true);
});

test('a reload asks endpoints that stay no sooner, new ones at once, and gone ones no more', () => {
  const { checker, member, asked, clock, givenUp } = bench();
  const other: Endpoint = { state: new EndpointState('e2') };
  checker.use(check, [member, other]);
  assert.equal(asked.length, 2);
  checker.use({ ...check }, [other]);
  assert.equal(asked.length, 2);
  assert.equal(givenUp(), 1);
  asked[1]?.(true);
  clock.advance(1000);
  assert.equal(asked.length, 3);
});

test('another check begins anew and keeps what is known', () => {
  const { checker, member, asked, answer } = bench();
  for (let i = 0; i < 3; i++) answer(false);
  const before = asked.length;
  checker.use({ ...check, healthyThreshold: 1 }, [member]);
  assert.equal(asked.length, before + 1);
  assert.equal(member.state.unhealthy, true);
  asked.at(-1)?.(true);
  assert.equal(member.state.unhealthy, false);
});

test('nothing is asked after the end', () => {
  const { checker, asked, clock } = bench();
  checker.stop();
  clock.advance(100_000);
  assert.equal(asked.length, 1);
});
