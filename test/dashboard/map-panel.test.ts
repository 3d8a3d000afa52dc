/** What the side panel of the Map says. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { GoldenPoint } from '../../src/api/stats.ts';
import type { ConfigDocument } from '../../src/api/types.ts';
import {
  type AccessRule,
  accessRulesOf,
  accessText,
  actionText,
  extrasText,
  matchText,
  type Rule,
} from '../../src/dashboard/pages/map/rule-text.ts';
import { seriesOf } from '../../src/dashboard/pages/map/series.ts';

const point = (at: string, more: Partial<GoldenPoint>): GoldenPoint => ({
  at,
  requests: 0,
  failures: 0,
  clientErrors: 0,
  denied: 0,
  successRate: null,
  rps: 0,
  p50Ms: null,
  p95Ms: null,
  p99Ms: null,
  bytesIn: 0,
  bytesOut: 0,
  open: 0,
  ...more,
});

describe('charts', () => {
  const stretch = { from: '2025-01-01T00:00:00.000Z', to: '2025-01-01T00:00:35.000Z', stepMs: 10_000 };
  const busy = point('2025-01-01T00:00:20.000Z', { requests: 100, failures: 10, clientErrors: 30, denied: 20, p95Ms: 12 });

  test('have a value for every step, the last one cut off by the end', () => {
    const { times, answers, durations } = seriesOf(stretch, [busy], false);
    assert.deepEqual(
      times.map(ms => new Date(ms).toISOString().slice(17, 19)),
      ['10', '20', '30', '35'],
    );
    assert.deepEqual(
      answers.map(({ label, values }) => [label, ...values]),
      [
        ['good', 0, 6, 0, 0],
        ['4xx', 0, 1, 0, 0],
        ['failed', 0, 1, 0, 0],
        ['denied', 0, 2, 0, 0],
      ],
    );
    assert.deepEqual(durations[1]?.values, [null, 12, null, null]);
  });

  test('of raw TCP are of connections, and refused ones lie beside', () => {
    const { answers, durations } = seriesOf(stretch, [{ ...busy, clientErrors: 0 }], true);
    assert.deepEqual(
      answers.map(({ label, values }) => [label, values[1]]),
      [
        ['connected', 9],
        ['failed', 1],
        ['denied', 2],
      ],
    );
    assert.deepEqual(durations, []);
  });
});

describe('rules', () => {
  const rule = {
    name: 'canary',
    matches: [
      {
        path: { kind: 'prefix', value: '/reviews' },
        methods: ['GET', 'HEAD'],
        headers: [{ name: 'end-user', kind: 'exact', value: 'jason\u001b', not: true }],
        query: [],
        hosts: [],
        ports: [],
        from: ['shop'],
      },
    ],
    action: {
      kind: 'forward',
      split: [
        { service: 'reviews', version: 'v1', port: null, weight: 90 },
        { service: 'reviews', version: 'v3', port: null, weight: 10 },
      ],
    },
    timeoutMs: 2_000,
    retry: null,
    faults: [{ kind: 'abort', percent: 10, status: 503 }],
  } as unknown as Rule;

  test('are told in words', () => {
    assert.equal(matchText(rule), 'path prefix /reviews and GET|HEAD and header end-user not exact jason\\u001b and from shop');
    assert.equal(actionText(rule), '90 reviews@v1, 10 reviews@v3');
    assert.equal(extrasText(rule), 'timeout 2000 ms, abort 10 %');
    assert.equal(matchText({ matches: [] }), 'all');
    assert.equal(actionText({ action: { kind: 'respond', status: 404, body: '', contentType: '' } }), 'respond 404');
  });

  const access = (name: string, more: Partial<AccessRule>): AccessRule => ({
    name,
    action: 'allow',
    to: [],
    from: [],
    notFrom: [],
    conditions: [],
    ...more,
  });
  const config = {
    access: {
      default: 'deny',
      rules: [
        access('shop', { to: ['reviews'], from: ['shop'] }),
        access('any', { to: ['reviews'], from: ['*'] }),
        access('all', {}),
        access('other', { to: ['ratings'] }),
      ],
    },
  } as unknown as Pick<ConfigDocument['config'], 'access'>;

  test('of access are those that may speak of the call', () => {
    const names = (to: string, from: string | null): readonly string[] => accessRulesOf(config, to, from).map(({ name }) => name);
    assert.deepEqual(names('reviews', null), ['shop', 'any', 'all']);
    assert.deepEqual(names('reviews', 'web'), ['any', 'all']);
    assert.deepEqual(names('ratings', 'shop'), ['all', 'other']);
  });

  test('of access say whom they let do what', () => {
    const text = accessText(
      access('x', { action: 'deny', dryRun: true, notFrom: ['web'], conditions: [{ on: 'method', values: ['POST'] }] }),
    );
    assert.equal(text, 'deny (dry run) · not from web · method POST');
    assert.equal(accessText(access('x', {})), 'allow · from anyone');
  });
});
