import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hrefOf, readAddress } from '../../src/dashboard/view/address.ts';

test('an address is read as it was written', () => {
  const { page, id, query } = readAddress(hrefOf('traces', { service: 'a b&c', status: '' }, 'x/ü'));
  assert.deepEqual([page, id, Object.fromEntries(query)], ['traces', 'x/ü', { service: 'a b&c' }]);
});

test('nonsense leads to the first page, and throws nothing', () => {
  assert.equal(readAddress('').page, 'map');
  assert.equal(readAddress('#/').page, 'map');
  assert.equal(readAddress('#/traces/%E0%A4%A').id, '%E0%A4%A');
});
