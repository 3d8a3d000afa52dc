/** What a sidecar answers is not trusted: what the daemon would stumble over is refused as what it is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isShallow, readCalls, readExplanation, readJudgement } from '../../src/control/reply-shape.ts';

const call = { principal: null, port: 9080, method: 'GET', path: '/a', allowed: true, calls: 3 };
const judgement = { verdict: 'denied', rule: null, reason: 'no rule', rules: [] };
const outcome = { rule: 'a', action: { kind: 'forward', destinations: [{ cluster: 'c', odds: 1 }], path: '/', authority: null } };
const explanation = { listener: 'none', lines: ['a'], route: { table: 't', virtualHost: null, rules: [], outcome } };

test('answers of ours are read as they are', () => {
  assert.deepEqual(readCalls({ more: false, calls: [call] }), { more: false, calls: [call] });
  assert.deepEqual(readJudgement(judgement), judgement);
  assert.deepEqual(readExplanation(explanation), explanation);
  assert.deepEqual(readExplanation({ ...explanation, route: { outcome: null } }), { ...explanation, route: { outcome: null } });
  assert.equal(readJudgement(null), null);
  assert.equal(readExplanation(null), null);
});

const bad: readonly (readonly [string, (body: unknown) => unknown, readonly unknown[]])[] = [
  ['calls', readCalls, [null, 5, [], {}, { more: false, calls: 5 }, { more: false, calls: [null] }]],
  [
    'calls of nobody',
    readCalls,
    [
      { more: false, calls: [{ ...call, calls: 'x' }] },
      { more: 1, calls: [] },
    ],
  ],
  ['a judgement', readJudgement, ['allowed', {}, { ...judgement, verdict: 'yes' }, { ...judgement, service: 'another' }]],
  ['an explanation', readExplanation, [[], { ...explanation, lines: 'a' }, { ...explanation, workload: 'another' }]],
  [
    'a way',
    readExplanation,
    [{ rule: 1 }, { rule: 'a' }, { rule: 'a', action: { kind: 'forward', destinations: [null] } }].map(each => ({
      ...explanation,
      route: { outcome: each },
    })),
  ],
];
for (const [what, read, answers] of bad)
  test(`what is not ${what} is refused`, () => {
    for (const answer of answers) assert.throws(() => read(answer), { code: 'protocol' }, JSON.stringify(answer));
  });

test('what could not be written as JSON again is told', () => {
  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`) as unknown;
  assert.equal(isShallow(deep), false);
  assert.equal(isShallow({ a: [{ b: [1, null, 'x'] }] }), true);
});
