import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LateSvids } from '../../src/control/late-svids.ts';
import { manualClock } from '../support/manual-clock.ts';

const svid = (serialNumber: string, sinceMs: number) => ({ serialNumber, root: 'ab', sinceMs, expiresAtMs: sinceMs + 1000 });

test('half, four fifths and the end of a life are told once each, unless another certificate comes', () => {
  const clock = manualClock();
  const told: string[] = [];
  const late = new LateSvids(clock, (workload, part) => told.push(`${workload} ${part} at ${clock.now()}`));
  late.watch('a-1', svid('1', 0));
  late.watch('b-1', svid('2', 0));
  clock.advance(499);
  assert.deepEqual(told, []);
  assert.equal(late.partOf('a-1'), 0);
  clock.advance(1);
  late.watch('b-1', svid('3', 500));
  late.watch('a-1', svid('1', 0));
  assert.deepEqual(told, ['a-1 0.5 at 500', 'b-1 0.5 at 500']);
  assert.equal(late.partOf('a-1'), 0.5);
  assert.equal(late.partOf('b-1'), 0, 'it was renewed');
  clock.advance(400);
  assert.deepEqual(told.slice(2), ['a-1 0.8 at 800']);
  clock.advance(100);
  assert.deepEqual(told.slice(3).sort(), ['a-1 1 at 1000', 'b-1 0.5 at 1000']);
  assert.equal(late.partOf('a-1'), 1);
  late.forget('a-1');
  assert.equal(late.partOf('a-1'), 0);
  late.close();
  const before = told.length;
  clock.advance(10_000);
  assert.equal(told.length, before);
});
