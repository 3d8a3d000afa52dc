import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GoldenPoint } from '../../src/api/stats.ts';
import { alongTime } from '../../src/dashboard/view/along-time.ts';

const point = (ms: number, requests: number): GoldenPoint => ({ at: new Date(ms).toISOString(), requests }) as GoldenPoint;

test('every step has its place, also those in which nothing happened', () => {
  const { times, at } = alongTime({ points: [point(20_000, 3), point(35_000, 1)], fromMs: 5_000, toMs: 35_000, stepMs: 10_000 });
  assert.deepEqual(times, [15_000, 25_000, 35_000]);
  assert.deepEqual(
    at.map(each => each?.requests ?? null),
    [null, 3, 1],
  );
});

test('a last step that is shorter than the others keeps its point', () => {
  const { at } = alongTime({ points: [point(23_000, 2)], fromMs: 0, toMs: 23_000, stepMs: 10_000 });
  assert.deepEqual(
    at.map(each => each?.requests ?? null),
    [null, null, 2],
  );
});
