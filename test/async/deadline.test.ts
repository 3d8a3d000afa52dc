import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deadline, Deadlines } from '../../src/async/deadline.ts';
import { manualClock } from '../support/manual-clock.ts';

test('deadlines expire once, in order, and not when disarmed or armed again', () => {
  const clock = manualClock();
  const list = new Deadlines(clock).of(100);
  const fired: string[] = [];
  const [a, b, c] = ['a', 'b', 'c'].map(name => new Deadline(() => fired.push(`${name}@${clock.now()}`))) as [
    Deadline,
    Deadline,
    Deadline,
  ];
  list.arm(a);
  clock.advance(30);
  list.arm(b);
  list.arm(c);
  clock.advance(30);
  list.arm(a);
  b.disarm();
  b.disarm();
  clock.advance(1000);
  assert.deepEqual(fired, ['c@130', 'a@160']);
});

test('one that arms itself again while it expires goes on', () => {
  const clock = manualClock();
  const deadlines = new Deadlines(clock);
  assert.equal(deadlines.of(10), deadlines.of(10));
  let times = 0;
  const again: Deadline = new Deadline(() => {
    times++;
    if (times < 3) deadlines.of(10).arm(again);
  });
  deadlines.of(10).arm(again);
  clock.advance(1000);
  assert.equal(times, 3);
});
