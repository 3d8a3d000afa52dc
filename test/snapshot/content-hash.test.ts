import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contentHash } from '../../src/snapshot/content-hash.ts';

test('16 hex digits that do not depend on key order', () => {
  assert.match(contentHash({}), /^[0-9a-f]{16}$/);
  assert.equal(
    contentHash({ a: 1, b: { c: [1, { x: 1, y: 2 }], d: null } }),
    contentHash({ b: { d: null, c: [1, { y: 2, x: 1 }] }, a: 1 }),
  );
});

test('every difference in content is another hash', () => {
  const values = [{}, [], null, 'null', { a: 1 }, { a: '1' }, { a: [1, 2] }, { a: [2, 1] }, { a: null }, { b: 1 }];
  assert.equal(new Set(values.map(contentHash)).size, values.length);
});
