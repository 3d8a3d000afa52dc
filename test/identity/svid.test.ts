import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { createCsr, createSelfSigned } from '../../src/identity/certificate-request.ts';
import { readLeaf } from '../../src/identity/leaf-certificate.ts';
import { backdateMs, createSvid, renewAtMs, withRoots } from '../../src/identity/svid.ts';
import { TrustBundle } from '../../src/identity/trust-bundle.ts';
import { createTestCa, type LeafOptions, newKey } from '../support/test-ca.ts';

const now = Date.UTC(2026, 5, 1);
const id = 'spiffe://bookshop.local/ns/default/sa/reviews';

test('a CSR is signed by its key and names one URI', () => {
  const ca = createTestCa(now);
  const key = newKey();
  const { spiffeId, chainPem } = ca.sign(createCsr(key, id));
  assert.equal(spiffeId, id);
  const svid = createSvid(key, chainPem, ca.bundlePem, id, now);
  assert.equal(svid.expiresAtMs, now + 86_400_000);
  assert.equal(svid.trustDomain, 'bookshop.local');
  assert.ok(new X509Certificate(chainPem).verify(new X509Certificate(ca.bundlePem).publicKey));
});

test('a changed CSR no longer verifies', () => {
  const ca = createTestCa(now);
  const text = createCsr(newKey(), id);
  const raw = Buffer.from(text.split('\n').slice(1, -2).join(''), 'base64');
  raw.write('x', raw.indexOf('reviews'));
  const changed = `-----BEGIN CERTIFICATE REQUEST-----\n${raw.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  assert.throws(() => ca.sign(changed), /signature/);
});

test('the self-signed certificate verifies under its own key', () => {
  const key = newKey();
  const certificate = new X509Certificate(createSelfSigned(key, 'sidecar reviews-v1', now));
  assert.ok(certificate.checkPrivateKey(key));
  assert.ok(certificate.verify(certificate.publicKey));
  assert.equal(certificate.subject, 'CN=sidecar reviews-v1');
});

const refused: readonly (readonly [string, string | null, LeafOptions, RegExp])[] = [
  ['without a URI name', null, { names: [{ type: 'dns', value: 'reviews' }] }, /0 URI names/],
  ['with two URI names', id, { names: [{ type: 'url', value: 'spiffe://bookshop.local/other' }] }, /2 URI names/],
  ['of a CA', id, { isCa: true }, /is a CA/],
  ['that may sign certificates', id, { keyUsage: 0x86 }, /may sign certificates/],
  ['without key usage', id, { keyUsage: null }, /has no key usage/],
  ['whose key usage is not critical', id, { keyUsageCritical: false }, /not critical/],
  ['whose names are given twice', id, { namesTwice: true }, /malformed/],
  ['that may not sign', id, { keyUsage: 0x10 }, /may not sign/],
  ['with another scheme', 'https://bookshop.local/x', {}, /no valid SPIFFE ID/],
  ['with the bare trust domain', 'spiffe://bookshop.local', {}, /no valid SPIFFE ID/],
  [
    'with a second name hidden in the first',
    'spiffe://bookshop.local/a, URI:spiffe://bookshop.local/b',
    {},
    /no valid SPIFFE ID/,
  ],
];
for (const [what, spiffeId, options, reason] of refused) {
  test(`a certificate ${what} is refused`, () => {
    const ca = createTestCa(now);
    const chain = ca.issue(newKey(), spiffeId, options);
    assert.throws(() => readLeaf(new X509Certificate(chain).raw), reason);
  });
}

test('a DNS name beside the URI is allowed', () => {
  const ca = createTestCa(now);
  const chain = ca.issue(newKey(), id, { names: [{ type: 'dns', value: 'reviews' }] });
  assert.equal(readLeaf(new X509Certificate(chain).raw).spiffeId, id);
});

test('bytes that are no certificate are refused, at every length', () => {
  const ca = createTestCa(now);
  const raw = new X509Certificate(ca.issue(newKey(), id)).raw;
  for (let length = 0; length < raw.length; length += 7) {
    assert.throws(() => readLeaf(raw.subarray(0, length)), /malformed/, `cut to ${length}`);
  }
});

test('an SVID of another key or another name is refused', () => {
  const ca = createTestCa(now);
  const key = newKey();
  const chain = ca.issue(key, id);
  assert.throws(() => createSvid(newKey(), chain, ca.bundlePem, id, now), /another key/);
  assert.throws(() => createSvid(key, chain, ca.bundlePem, 'spiffe://bookshop.local/ns/default/sa/ratings', now), /asked for/);
  assert.throws(() => createSvid(key, 'nonsense', ca.bundlePem, id, now), /not PEM/);
});

test('renewal falls into the last tenth before half of the life', () => {
  const life = { sinceMs: 1000, expiresAtMs: 2000 };
  assert.equal(renewAtMs(life, 0), 1490);
  assert.ok(renewAtMs(life, 0.999999) > 1389.9);
});

test('an SVID is refused when by the clock here it is not valid, and both times are told', () => {
  const ca = createTestCa(now);
  const key = newKey();
  const chain = ca.issue(key, id, { notBeforeMs: now - backdateMs, expiresAtMs: now + 60_000 });
  createSvid(key, chain, ca.bundlePem, id, now - 60_000);
  assert.throws(
    () => createSvid(key, chain, ca.bundlePem, id, now - 25 * 3_600_000),
    /certificate is valid from 2026-05-31T23:58:30Z, the clock here says 2026-05-30T23:00:00Z/,
  );
  assert.throws(
    () => createSvid(key, chain, ca.bundlePem, id, now + 25 * 3_600_000),
    /certificate has expired at 2026-06-01T00:01:00Z, the clock here says 2026-06-02T01:00:00Z/,
  );
});

test('roots: an SVID knows which one it comes from, and does without all but that', () => {
  const [mine, other] = [createTestCa(now), createTestCa(now)];
  const key = newKey();
  const chain = mine.issue(key, id);
  const both = createSvid(key, chain, other.bundlePem + mine.bundlePem, id, now);
  const [root] = new TrustBundle(mine.bundlePem).fingerprints;
  assert.equal(both.root, root);
  assert.equal(both.trust.fingerprints.length, 2);
  const alone = withRoots(both, mine.bundlePem);
  assert.deepEqual(alone.trust.fingerprints, [root]);
  assert.equal(alone.sinceMs, both.sinceMs);
  assert.throws(() => withRoots(both, other.bundlePem), /none of the roots/);
  assert.throws(() => createSvid(key, chain, other.bundlePem, id, now), /none of the roots/);
  for (const bad of ['', 'nonsense', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])
    assert.throws(() => new TrustBundle(bad), /not PEM/);
});

test('extended key usage names both servers and clients, where it is there', () => {
  const ca = createTestCa(now);
  const read = (extendedKeyUsage: LeafOptions['extendedKeyUsage'] & {}) =>
    readLeaf(new X509Certificate(ca.issue(newKey(), id, { extendedKeyUsage })).raw);
  assert.equal(read(['serverAuth', 'clientAuth']).spiffeId, id);
  assert.throws(() => read(['serverAuth']), /both servers and clients/);
  assert.throws(() => read(['clientAuth']), /both servers and clients/);
});
