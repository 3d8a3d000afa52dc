import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Throttle, type ThrottleSink } from '../../src/proxy/transport/throttle.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';

interface Watched {
  readonly throttle: Throttle;
  readonly clock: ManualClock;
  /** Bytes that have left. */
  readonly sent: () => number;
  readonly events: string[];
  full: boolean;
}

function watch(bytesPerSecond: number): Watched {
  const clock = manualClock();
  const events: string[] = [];
  let sent = 0;
  const sink: ThrottleSink = {
    full: () => watched.full,
    turn: act => act(),
    piece: (_bytes, from, to) => {
      sent += to - from;
    },
    flush: () => {},
    resume: () => events.push('resume'),
    end: () => events.push('end'),
  };
  const watched: Watched = { throttle: new Throttle(bytesPerSecond, clock, sink), clock, sent: () => sent, events, full: false };
  return watched;
}

test('no more leaves than the rate allows, and all of it in the end', () => {
  const { throttle, clock, sent, events } = watch(1000);
  throttle.add(Buffer.alloc(500));
  throttle.add(Buffer.alloc(500));
  throttle.end();
  assert.equal(sent(), 0);
  for (let ms = 20; ms < 1000; ms += 20) {
    clock.advance(20);
    assert.equal(sent(), ms);
    assert.deepEqual(events, []);
  }
  clock.advance(20);
  assert.equal(sent(), 1000);
  assert.deepEqual(events, ['end']);
});

test('time without bytes is not saved up', () => {
  const { throttle, clock, sent } = watch(1000);
  throttle.add(Buffer.alloc(10));
  clock.advance(20);
  assert.equal(sent(), 10);
  clock.advance(10_000);
  throttle.add(Buffer.alloc(10_000));
  clock.advance(100);
  assert.equal(sent(), 110);
});

test('a rate of less than a byte per tick still moves', () => {
  const { throttle, clock, sent } = watch(10);
  throttle.add(Buffer.alloc(3));
  for (let i = 0; i < 15; i++) clock.advance(20);
  assert.equal(sent(), 3);
});

test('the sender is held back and let go again, and a full sink waits without saving up', () => {
  const watched = watch(100_000);
  const { throttle, clock, sent, events } = watched;
  throttle.add(Buffer.alloc(66_000));
  assert.ok(throttle.full);
  clock.advance(20);
  assert.equal(sent(), 2000);
  assert.deepEqual(events, ['resume']);
  watched.full = true;
  clock.advance(5000);
  assert.equal(sent(), 2000);
  watched.full = false;
  throttle.drained();
  clock.advance(20);
  assert.ok(sent() <= 6000, `${sent()} bytes`);
});

test('what is stopped says nothing more', () => {
  const { throttle, clock, sent, events } = watch(1000);
  throttle.add(Buffer.alloc(100));
  throttle.stop();
  clock.advance(1000);
  assert.equal(sent(), 0);
  assert.deepEqual(events, []);
});
