import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identityFacts, isOfConnection } from '../../src/access/access-facts.ts';
import { matchesValue } from '../../src/access/access-value.ts';

test('an identity tells its trust domain, and what services have besides', () => {
  assert.deepEqual(identityFacts('spiffe://shop.local/ns/till/sa/web'), {
    principal: 'spiffe://shop.local/ns/till/sa/web',
    'trust-domain': 'shop.local',
    namespace: 'till',
    account: 'till/web',
  });
  const person = 'spiffe://shop.local/person/ada';
  assert.deepEqual(identityFacts(person), { principal: person, 'trust-domain': 'shop.local', namespace: '', account: '' });
  assert.deepEqual(identityFacts(null), { principal: '', 'trust-domain': '', namespace: '', account: '' });
});

test("a client's address is the connection's where nobody stands between", () => {
  assert.deepEqual([isOfConnection('remote-ip', true), isOfConnection('remote-ip', false)], [true, false]);
  assert.deepEqual([isOfConnection('server-name', false), isOfConnection('path', true)], [true, false]);
});

test('values: whole, begin, end, or anything but the empty string', () => {
  const matching = ['web', 'we*', '*eb', '*', 'w'].filter(value => matchesValue(value, 'web'));
  assert.deepEqual(matching, ['web', 'we*', '*eb', '*']);
  assert.deepEqual([matchesValue('*', ''), matchesValue('', '')], [false, true]);
});
