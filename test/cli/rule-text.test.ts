import assert from 'node:assert/strict';
import { test } from 'node:test';
import { actionText, extrasText, matchText, type RunningRule } from '../../src/cli/rule-text.ts';

const plain: RunningRule = {
  name: 'all',
  matches: [],
  action: { kind: 'forward', split: [{ cluster: 'outbound|80||a', weight: 1 }] },
  timeoutMs: null,
  retry: null,
};

test('a rule that asks for nothing and does nothing besides is short', () => {
  assert.deepEqual([matchText(plain), actionText(plain), extrasText(plain)], ['all', 'outbound|80||a', '-']);
});

test('a rule says all that it asks for', () => {
  const match = {
    path: { kind: 'prefix', value: '/api' },
    methods: ['GET', 'HEAD'],
    headers: [{ name: 'end-user', kind: 'exact', value: 'jason', not: true }],
    query: [{ name: 'debug', kind: 'present', value: '' }],
    hosts: ['shop.localhost'],
    claims: [{ claim: ['realm', 'groups'], kind: 'exact', value: 'beta' }],
  } as const;
  assert.equal(
    matchText({ ...plain, matches: [match, { path: null, methods: [], headers: [], query: [] }] }),
    'path prefix /api and GET|HEAD and header end-user not exact jason and query debug present and claim realm.groups exact beta and host shop.localhost or all',
  );
});

test('a rule says all that it does besides', () => {
  const rule: RunningRule = {
    ...plain,
    action: {
      kind: 'forward',
      exact: true,
      split: [
        { cluster: 'a', weight: 9 },
        { cluster: 'b', weight: 1 },
      ],
      rewrite: { path: { kind: 'full', value: '/x' }, host: 'other' },
    },
    timeoutMs: 100,
    retry: { attempts: 2, on: ['5xx'], statusCodes: [], perTryTimeoutMs: null, methods: ['GET'], backoffBaseMs: 25 },
    mirrors: [{ cluster: 'c', percent: 10 }],
    faults: [{ kind: 'delay', ms: 5, jitterMs: 0, percent: 50, id: 'delay-1' }],
    rateLimits: [{ name: 'l', requests: 5, perMs: 1000, burst: 5, by: { kind: 'all' } }],
    responseHeaders: { remove: ['x'], set: [], add: [] },
  };
  assert.equal(actionText(rule), '9 a, 1 b in turns');
  assert.equal(
    extrasText(rule),
    'timeout 100 ms, retries 2, path to /x, host to other, header edits, mirror 10 % c, delay 50 % (live), limit 5 in 1000 ms',
  );
});
