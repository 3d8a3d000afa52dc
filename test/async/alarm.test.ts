import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, atParts } from '../../src/async/alarm.ts';
import { manualClock } from '../support/manual-clock.ts';

test('rings at its time, however far away, and not within the call', () => {
  const clock = manualClock();
  const rung: number[] = [];
  at(clock, 90 * 86_400_000, () => rung.push(clock.now()));
  at(clock, -1, () => rung.push(-1));
  assert.deepEqual(rung, []);
  clock.advance(0);
  assert.deepEqual(rung, [-1]);
  clock.advance(89 * 86_400_000);
  assert.equal(rung.length, 1);
  clock.advance(86_400_000);
  assert.deepEqual(rung, [-1, 90 * 86_400_000]);
});

test('after a sleep, in which timers stood still, it rings soon', () => {
  const clock = manualClock();
  let asleepMs = 0;
  let rung = false;
  at({ ...clock, now: () => clock.now() + asleepMs }, 86_400_000, () => {
    rung = true;
  });
  asleepMs = 86_400_000;
  clock.advance(863_999);
  assert.equal(rung, false);
  clock.advance(2);
  assert.ok(rung, 'within a hundredth of what was left');
});

test('does not ring once cancelled', () => {
  const clock = manualClock();
  const cancel = at(clock, 60_000, () => assert.fail('cancelled'));
  clock.advance(30_000);
  cancel();
  clock.advance(60_000);
});

test('rings at the end of each part; whoever hears it may cancel the rest', () => {
  const clock = manualClock();
  const rung: number[] = [];
  atParts(clock, clock.now(), clock.now() + 100_000, [0.5, 0.8, 1], part => rung.push(part));
  const cancel = atParts(clock, clock.now(), clock.now() + 100_000, [0.6, 1], part => {
    rung.push(part);
    cancel();
  });
  clock.advance(70_000);
  assert.deepEqual(rung, [0.5, 0.6]);
  clock.advance(30_000);
  assert.deepEqual(rung, [0.5, 0.6, 0.8, 1]);
});
