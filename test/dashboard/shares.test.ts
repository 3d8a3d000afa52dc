import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RouteShare, RouteStats } from '../../src/api/stats.ts';
import { driftOf, shareLines } from '../../src/dashboard/pages/traffic/shares.ts';

const rule = (hits: number, more: Partial<RouteStats> = {}): RouteStats => ({
  service: 's',
  rule: 'r',
  inForce: true,
  hits,
  failures: 0,
  destinations: [],
  ...more,
});
const share = (observed: number | null, intended: number | null): RouteShare => ({
  service: 's',
  version: 'v',
  hits: 0,
  share: observed,
  intended,
});

test('what chance does is not called off', () => {
  assert.equal(driftOf(rule(100), share(0.15, 0.1)), 'as-asked');
  assert.equal(driftOf(rule(10_000), share(0.15, 0.1)), 'off');
  assert.equal(driftOf(rule(10), share(0.9, 0.1)), 'few');
  assert.equal(driftOf(rule(0), share(null, 0.1)), 'few');
  assert.equal(driftOf(rule(2), share(1, 1)), 'as-asked');
  assert.equal(driftOf(rule(100), share(1, 1)), 'as-asked');
  assert.equal(driftOf(rule(100), share(0.97, 1)), 'off');
  assert.equal(driftOf(rule(100, { inForce: false }), share(0.1, 0.1)), 'not-in-force');
});

test('a split that took nothing is shown, a default rule is not unless asked for', () => {
  const split = rule(0, { rule: 'split', destinations: [share(null, 0.9), share(null, 0.1)] });
  const fallback = rule(0, { rule: 'default', destinations: [share(null, 1)] });
  const document = { apiVersion: 1, kind: 'Routes', from: '', to: '', routes: [split, fallback] } as const;
  assert.deepEqual(
    shareLines(document, false).map(({ route, first }) => [route.rule, first]),
    [
      ['split', true],
      ['split', false],
    ],
  );
  assert.equal(shareLines(document, true).length, 3);
});
