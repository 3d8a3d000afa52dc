import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../src/async/clock.ts';
import { HoldOff } from '../../src/async/hold-off.ts';

/** A clock whose time passes when told. */
class TestClock implements Clock {
  #now = 0;
  #timers: { at: number; fn: () => void }[] = [];
  now = () => this.#now;
  monotonic = () => this.#now;
  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.#now + ms, fn };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter(other => other !== timer);
    };
  }
  pass(ms: number): void {
    for (const end = this.#now + ms; this.#now < end; ) {
      this.#now++;
      const due = this.#timers.filter(timer => timer.at <= this.#now);
      this.#timers = this.#timers.filter(timer => timer.at > this.#now);
      for (const timer of due) timer.fn();
    }
  }
}

function holdOff(): { clock: TestClock; hold: HoldOff; runs: number[] } {
  const clock = new TestClock();
  const runs: number[] = [];
  return { clock, runs, hold: new HoldOff({ quietMs: 5, maxMs: 25 }, clock, () => runs.push(clock.monotonic())) };
}

test('one request runs once, after the quiet time', () => {
  const { clock, hold, runs } = holdOff();
  hold.request();
  assert.equal(hold.pending, true);
  clock.pass(100);
  assert.deepEqual(runs, [5]);
  assert.equal(hold.pending, false);
});

test('a burst runs once, the quiet time after its last request', () => {
  const { clock, hold, runs } = holdOff();
  for (let i = 0; i < 4; i++) {
    hold.request();
    clock.pass(3);
  }
  clock.pass(100);
  assert.deepEqual(runs, [14]);
});

test('a burst without an end runs again and again, each time at the limit', () => {
  const { clock, hold, runs } = holdOff();
  for (let i = 0; i < 60; i++) {
    hold.request();
    clock.pass(1);
  }
  assert.deepEqual(runs, [25, 50]);
});

test('a cancelled run does not come, a later request does', () => {
  const { clock, hold, runs } = holdOff();
  hold.request();
  hold.cancel();
  clock.pass(100);
  hold.request();
  clock.pass(100);
  assert.deepEqual(runs, [105]);
});
