/** Where requests go: splits, mirrors, and draws that repeat themselves. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RouteTableRuntime } from '../../src/proxy/route/route-table.ts';
import type { Fault, Mirror, RouteRule } from '../../src/snapshot/route-rule.ts';
import { rule, ruleParts, send, table } from './rule-harness.ts';

const to = (weights: Readonly<Record<string, number>>, exact = false): Partial<RouteRule> => ({
  action: {
    kind: 'forward',
    split: Object.entries(weights).map(([cluster, weight]) => ({ cluster, weight })),
    ...(exact ? { exact: true } : {}),
  },
});
const picks = (rules: RouteTableRuntime, count: number): string =>
  Array.from({ length: count }, () => send(rules, 'GET /').cluster).join('');
const count = (text: string, letter: string): number => text.split(letter).length - 1;

describe('a split', () => {
  test('draws by weight', () => {
    const all = picks(table([rule(to({ a: 1, b: 3 }))], ruleParts({ seed: 5 })), 4_000);
    assert.ok(Math.abs(count(all, 'b') / 4_000 - 0.75) < 0.03);
  });
  test('to one destination ignores its weight', () => assert.equal(picks(table([rule(to({ a: 0 }))]), 3), 'aaa'));
  test('to a cluster that is not there: 503, NC', () =>
    assert.deepEqual(send(table([rule(to({ 'no-such': 1 }))]), 'GET /').reply?.flag, 'NC'));
});

describe('an exact split', () => {
  test('90/10 is 9 and 1 of every 10', () => {
    const all = picks(table([rule(to({ a: 90, b: 10 }, true))]), 30);
    for (let i = 0; i < 30; i += 10) assert.equal(all.slice(i, i + 10), 'aaaaabaaaa');
  });
  test('5/1/1 is spread out', () => assert.equal(picks(table([rule(to({ a: 5, b: 1, c: 1 }, true))]), 7), 'aabacaa'));
  test('goes on over a swap with equal weights, and begins anew with others', () => {
    const before = ruleParts();
    assert.equal(picks(table([rule(to({ a: 2, b: 1 }, true))], before), 2), 'ab');
    const rules = [
      rule({ name: 'before it', matches: [{ path: null, methods: ['PUT'], headers: [], query: [] }] }),
      rule(to({ a: 2, b: 1 }, true)),
    ];
    const after = ruleParts({ before });
    assert.equal(picks(table(rules, after), 3), 'aab');
    assert.equal(picks(table([rule(to({ a: 1, b: 2 }, true))], ruleParts({ before: after })), 3), 'bab');
  });
});

describe('mirrors', () => {
  const mirrored = (mirrors: readonly Mirror[], requests: number): readonly string[] => {
    const rules = table([rule({ mirrors })], ruleParts({ seed: 2 }));
    return Array.from({ length: requests }, () =>
      send(rules, 'GET /')
        .decision.mirrors.map(({ name }) => name)
        .join(),
    );
  };
  test('100 is every request, 0 none', () => {
    assert.deepEqual(mirrored([{ cluster: 'm', percent: 100 }], 2), ['m', 'm']);
    assert.deepEqual(mirrored([{ cluster: 'm', percent: 0 }], 2), ['', '']);
  });
  test('each draws for itself', () => {
    const all = mirrored(
      [
        { cluster: 'm', percent: 50 },
        { cluster: 'n', percent: 10 },
        { cluster: 'o', percent: 100 },
      ],
      4_000,
    );
    for (const [name, share] of [
      ['m', 0.5],
      ['n', 0.1],
      ['o', 1],
      ['m,n', 0.05],
    ] as const)
      assert.ok(Math.abs(all.filter(one => one.includes(name)).length / 4_000 - share) < 0.03, name);
  });
  test('a cluster that is not there gets none', () =>
    assert.deepEqual(mirrored([{ cluster: 'no-such', percent: 100 }], 1), ['']));
});

describe('a seed', () => {
  const half: Fault = { kind: 'abort', status: 500, percent: 50 };
  const run = (seed: number, more: Partial<RouteRule> = {}, workload = 'a-1'): string =>
    picks(table([rule({ ...to({ a: 1, b: 1 }), ...more })], ruleParts({ seed, workload })), 40);

  test('repeats the draws', () => assert.equal(run(1), run(1)));
  test('another one, or another workload, draws otherwise', () => {
    assert.notEqual(run(1), run(2));
    assert.notEqual(run(1), run(1, {}, 'a-2'));
  });
  test('a mirror or fault that is added does not move the split', () => {
    assert.equal(run(1, { mirrors: [{ cluster: 'm', percent: 50 }] }), run(1));
    assert.equal(run(1, { faults: [{ ...half, percent: 0 }] }), run(1));
    assert.equal(run(1, { faults: [{ kind: 'delay', ms: 1, jitterMs: 5, percent: 50 }] }), run(1));
  });
  test('goes on over a swap, and a new one begins anew', () => {
    const one = rule(to({ a: 1, b: 1 }));
    const before = ruleParts({ seed: 1 });
    const began = picks(table([one], before), 15);
    const after = ruleParts({ seed: 1, before });
    const wentOn = picks(table([rule({ ...one, timeoutMs: 5 })], after), 25);
    assert.equal(began + wentOn, run(1));
    assert.equal(ruleParts({ seed: 1, before: ruleParts({ seed: 1, before: after }) }).draws('tcp'), after.draws('tcp'));
    assert.equal(picks(table([one], ruleParts({ seed: 2, before: after })), 40), run(2));
  });
  test('without one nothing repeats itself between two sidecars by design: draws come from the system', () => {
    const parts = ruleParts();
    assert.equal(parts.draws('a'), parts.draws('b'));
  });
});
