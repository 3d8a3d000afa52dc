/** Which keys of a key set are taken, and which sets are refused as a whole. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, test } from 'node:test';
import { claimPath } from '../../src/config/claim-path.ts';
import { publicKeys } from '../../src/config/jwks.ts';
import { isProblem } from '../../src/config/units.ts';

type Jwk = Record<string, unknown>;
const jwk = (key: KeyObject): Jwk => ({ ...key.export({ format: 'jwk' }) });
const ec = (namedCurve: string): Jwk => jwk(generateKeyPairSync('ec', { namedCurve }).publicKey);
const rsa = (modulusLength: number): Jwk => jwk(generateKeyPairSync('rsa', { modulusLength }).publicKey);
const p256 = ec('P-256');
const privateKey = jwk(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);

describe('keys that are taken', () => {
  for (const [what, key] of [
    ['P-256', p256],
    ['P-384', ec('P-384')],
    ['P-521', ec('P-521')],
    ['RSA of 2048 bits', rsa(2048)],
    ['Ed25519', jwk(generateKeyPairSync('ed25519').publicKey)],
    ['for signatures', { ...p256, use: 'sig' }],
    ['for verifying', { ...p256, key_ops: ['verify'] }],
  ] as const satisfies readonly (readonly [string, Jwk])[])
    test(what, () => {
      const keys = publicKeys({ keys: [key] });
      assert.ok(typeof keys !== 'string', String(keys));
      assert.equal(keys.length, 1);
    });

  test('nothing of a key but what it is and whose', () => {
    const keys = publicKeys({ keys: [{ x5c: ['AAAA'], x5t: 'x', ...p256, kid: 'k', alg: 'ES256', extra: { a: 1 } }] });
    assert.deepEqual(keys, [{ kty: 'EC', kid: 'k', alg: 'ES256', crv: 'P-256', x: p256['x'], y: p256['y'] }]);
  });
});

describe('keys that are left out', () => {
  const none = 'the key set has no key for RS, PS, ES or EdDSA signatures';
  for (const [what, key] of [
    ['for encryption', { ...p256, use: 'enc' }],
    ['for other operations', { ...p256, key_ops: ['encrypt'] }],
    ['RSA of 1024 bits', rsa(1024)],
    ['another curve', ec('secp256k1')],
    ['X25519', jwk(generateKeyPairSync('x25519').publicKey)],
    ['Ed448', jwk(generateKeyPairSync('ed448').publicKey)],
    ['a point that is not on the curve', { ...p256, y: p256['x'] }],
    ['half a key', { kty: 'RSA', e: 'AQAB' }],
    ['no type', { kid: 'x' }],
  ] as const satisfies readonly (readonly [string, Jwk])[])
    test(what, () => {
      assert.equal(publicKeys({ keys: [key] }), none);
      const beside = publicKeys({ keys: [key, p256] });
      assert.ok(typeof beside !== 'string' && beside.length === 1);
    });
});

describe('key sets that are refused', () => {
  for (const [set, reason] of [
    [null, /there is no key set/],
    [[], /there is no key set/],
    ['keys', /there is no key set/],
    [{ keys: {} }, /there is no key set/],
    [{ keys: [1] }, /there is no key set/],
    [{ keys: [null] }, /there is no key set/],
    [p256, /there is no key set/],
    [{ keys: [] }, /is empty/],
    [{ keys: Array(101).fill(p256) }, /101 keys; at most 100/],
    [{ keys: [p256, privateKey] }, /holds a private key/],
    [{ keys: [p256, { ...p256, d: null }] }, /holds a private key/],
    [{ keys: [p256, { kty: 'oct' }] }, /shared secret/],
    [{ keys: [p256, { kty: 'oct', k: 'c2VjcmV0' }] }, /shared secret/],
    [{ keys: [p256, { kty: 'RSA', n: 'x', e: 'AQAB', p: 'secret', q: 'secret' }] }, /private key/],
  ] as const)
    test(JSON.stringify(set).slice(0, 60), () => {
      const reasons = publicKeys(set);
      assert.ok(typeof reasons === 'string');
      assert.match(reasons, reason);
      assert.doesNotMatch(reasons, /c2VjcmV0|secret"/);
    });
});

describe('names of claims', () => {
  for (const [written, names] of [
    ['sub', ['sub']],
    ['realm.groups', ['realm', 'groups']],
    ['[realm][groups]', ['realm', 'groups']],
    ['[shop.example/realm][groups]', ['shop.example/realm', 'groups']],
    ['https://shop.example/roles', ['https://shop.example/roles']],
    ['a/b.c', ['a/b', 'c']],
    ['a[0]', ['a[0]']],
  ] as const)
    test(written, () => assert.deepEqual(claimPath(written), names));
  for (const written of ['', '.', 'a.', '.a', 'a..b', '[', '[]', '[a', '[a]b', '[a][]', '[[a]]', 7, null, ['a']])
    test(`not ${JSON.stringify(written)}`, () => assert.ok(isProblem(claimPath(written))));
});
