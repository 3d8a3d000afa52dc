import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accountOf, parseSpiffeId, serviceId } from '../../src/identity/spiffe-id.ts';

const valid: readonly (readonly [string, string, string])[] = [
  ['spiffe://bookshop.local/ns/default/sa/reviews', 'bookshop.local', '/ns/default/sa/reviews'],
  ['spiffe://a', 'a', ''],
  ['spiffe://under_score.x-1/A.b_c-9', 'under_score.x-1', '/A.b_c-9'],
  ['spiffe://a/...', 'a', '/...'],
];
const invalid = [
  '',
  'spiffe://',
  'spiffe:///path',
  'SPIFFE://a/b',
  'https://a/b',
  'spiffe://Upper/b',
  'spiffe://a:80/b',
  'spiffe://user@a/b',
  'spiffe://a/',
  'spiffe://a/b/',
  'spiffe://a//b',
  'spiffe://a/./b',
  'spiffe://a/../b',
  'spiffe://a/b?q',
  'spiffe://a/b#f',
  'spiffe://a/b%20c',
  'spiffe://a/b c',
  'spiffe://a/b,URI:spiffe://a/c',
  `spiffe://${'a'.repeat(256)}/b`,
  `spiffe://a/${'b'.repeat(2048)}`,
  'spiffe://a/b\u0000',
  'spiffe://a/b\n',
  'spiffe://ä/b',
];

for (const [text, trustDomain, path] of valid) {
  test(`${text} is an id`, () => assert.deepEqual(parseSpiffeId(text), { trustDomain, path }));
}
for (const text of invalid) {
  test(`${JSON.stringify(text.slice(0, 60))} (${text.length} characters) is no id`, () =>
    assert.equal(parseSpiffeId(text), null));
}

test('an account is read back from the id that it makes, and from no other', () => {
  assert.deepEqual(accountOf(serviceId('bookshop.local', 'shop', 'bookinfo')), { namespace: 'shop', account: 'bookinfo' });
  for (const id of ['', 'spiffe://bookshop.local', 'spiffe://bookshop.local/mesh/daemon', 'spiffe://bookshop.local/ns/a/sa/b/c'])
    assert.equal(accountOf(id), null, id);
});
