import 'reflect-metadata';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { Pkcs10CertificateRequestGenerator, SubjectAlternativeNameExtension } from '@peculiar/x509';
import { systemClock } from '../../src/async/clock.ts';
import { createCsr } from '../../src/identity/certificate-request.ts';
import { readLeaf } from '../../src/identity/leaf-certificate.ts';
import { daemonId, serviceId } from '../../src/identity/spiffe-id.ts';
import { createSvid, renewAtMs } from '../../src/identity/svid.ts';
import { Authority, defaultTtlMs } from '../../src/pki/authority.ts';
import { PkiError } from '../../src/pki/pki-error.ts';
import { newKey } from '../support/test-ca.ts';

const trustDomain = 'bookshop.local';
const home = await mkdtemp(join(tmpdir(), 'mesh-pki-'));
after(() => rm(home, { recursive: true, force: true }));

let count = 0;
const fresh = () => join(home, String(++count), '.mesh', 'pki');
const open = (directory: string, now?: number) =>
  Authority.open({ directory, trustDomain, clock: now === undefined ? systemClock : { ...systemClock, now: () => now } });
const refused = (code: PkiError['code'], file: string | null) => (error: unknown) =>
  error instanceof PkiError && error.code === code && error.file === file && (file === null || error.message.includes(file));

test('the CA is made once, kept private and loaded again', async () => {
  const directory = fresh();
  const first = await open(directory);
  const file = join(directory, `${trustDomain}.pem`);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
  assert.deepEqual(await readdir(directory), [`${trustDomain}.pem`]);
  assert.equal((await open(directory)).bundlePem, first.bundlePem);
  assert.doesNotMatch(first.bundlePem, /PRIVATE/);
});

test('the root is a P-256 CA for ten years that signs leaves only', async () => {
  const root = new X509Certificate((await open(fresh())).bundlePem);
  assert.equal(root.ca, true);
  assert.equal(root.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
  assert.equal(root.subjectAltName, `URI:spiffe://${trustDomain}`);
  assert.ok(root.verify(root.publicKey));
  const years = (Date.parse(root.validTo) - Date.parse(root.validFrom)) / (365 * 86_400_000);
  assert.ok(years > 9.9 && years < 10.1);
});

for (const umask of ['000', '022', '777']) {
  test(`rights do not depend on umask ${umask}`, async () => {
    const directory = fresh();
    const script = `process.umask(0o${umask});
      const { Authority } = await import(${JSON.stringify(new URL('../../src/pki/authority.ts', import.meta.url).href)});
      const { systemClock } = await import(${JSON.stringify(new URL('../../src/async/clock.ts', import.meta.url).href)});
      const options = { directory: ${JSON.stringify(directory)}, trustDomain: 'a.local', clock: systemClock };
      await Authority.open(options); await Authority.open(options);`;
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
    assert.equal((await stat(join(directory, 'a.local.pem'))).mode & 0o777, 0o600);
  });
}

test('an SVID follows the rules and verifies against the root', async () => {
  const authority = await open(fresh());
  const key = newKey();
  const id = serviceId(trustDomain, 'default', 'reviews');
  const before = Date.now();
  const issued = await authority.issue(createCsr(key, id), id);
  const leaf = new X509Certificate(issued.chainPem);
  const root = new X509Certificate(authority.bundlePem);

  assert.ok(leaf.verify(root.publicKey) && leaf.checkIssued(root) && leaf.checkPrivateKey(key));
  assert.equal(leaf.ca, false);
  assert.equal(leaf.subjectAltName, `URI:${id}`);
  assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  const backdated = before - Date.parse(leaf.validFrom);
  assert.ok(backdated >= 60_000 && backdated <= 120_000, String(backdated));
  assert.ok(Math.abs(issued.expiresAtMs - before - defaultTtlMs) < 60_000);
  // The receiving side's own, independent reader agrees.
  assert.equal(readLeaf(leaf.raw).spiffeId, id);
  assert.equal(createSvid(key, issued.chainPem, authority.bundlePem, id, Date.now()).expiresAtMs, issued.expiresAtMs);
});

test('serial numbers are positive, random and never repeat', async () => {
  const authority = await open(fresh());
  const id = serviceId(trustDomain, 'default', 'a');
  const csr = createCsr(newKey(), id);
  const serials = await Promise.all(Array.from({ length: 20 }, async () => (await authority.issue(csr, id)).serialNumber));
  assert.equal(new Set(serials).size, 20);
  for (const serial of serials) assert.match(serial, /^[4-7][0-9a-f]{31}$/);
});

test('identity comes from the caller, never from the CSR', async () => {
  const authority = await open(fresh());
  const issued = await authority.issue(
    createCsr(newKey(), serviceId(trustDomain, 'default', 'ratings')),
    serviceId(trustDomain, 'default', 'reviews'),
  );
  assert.equal(readLeaf(new X509Certificate(issued.chainPem).raw).spiffeId, serviceId(trustDomain, 'default', 'reviews'));

  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const greedy = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=root',
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      new SubjectAlternativeNameExtension([
        { type: 'dns', value: 'ratings' },
        { type: 'url', value: daemonId(trustDomain) },
      ]),
    ],
  });
  const leaf = new X509Certificate(
    (await authority.issue(greedy.toString('pem'), serviceId(trustDomain, 'default', 'reviews'))).chainPem,
  );
  assert.equal(leaf.subjectAltName, `URI:${serviceId(trustDomain, 'default', 'reviews')}`);
});

test('a CSR that is damaged, signed by another key, too large or not P-256 is refused', async () => {
  const authority = await open(fresh());
  const id = serviceId(trustDomain, 'default', 'a');
  const good = createCsr(newKey(), id);
  const der = Buffer.from(good.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  const rsa = await Pkcs10CertificateRequestGenerator.create({
    keys: await crypto.subtle.generateKey(
      { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
      true,
      ['sign', 'verify'],
    ),
    signingAlgorithm: { name: 'RSASSA-PKCS1-v1_5' },
  });
  for (const csr of ['', 'x', forged, `${good}${' '.repeat(9000)}`, rsa.toString('pem')])
    await assert.rejects(authority.issue(csr, id), refused('request', null));
});

test('only identities of the own trust domain are signed', async () => {
  const authority = await open(fresh());
  const csr = createCsr(newKey(), serviceId(trustDomain, 'default', 'a'));
  for (const id of ['spiffe://other.local/ns/default/sa/a', `spiffe://${trustDomain}`, 'reviews', ''])
    await assert.rejects(authority.issue(csr, id), refused('request', null));
});

test("the daemon's SVID names the daemon and carries its key", async () => {
  const issued = await (await open(fresh())).issueDaemon();
  const leaf = new X509Certificate(issued.chainPem);
  assert.equal(readLeaf(leaf.raw).spiffeId, daemonId(trustDomain));
  assert.ok(leaf.checkPrivateKey(createPrivateKey(issued.privateKeyPem)));
});

test('damaged state is an error that names the file and shows no key', async () => {
  const directory = fresh();
  await open(directory);
  const file = join(directory, `${trustDomain}.pem`);
  const good = await readFile(file, 'utf8');
  const other = fresh();
  await open(other);
  const foreignKey = (await readFile(join(other, `${trustDomain}.pem`), 'utf8')).split('-----BEGIN PRIVATE KEY')[1];
  const damages = [
    '',
    'nonsense',
    good.slice(0, 300),
    good.split('-----BEGIN PRIVATE')[0] ?? '',
    `${good.split('-----BEGIN PRIVATE KEY')[0]}-----BEGIN PRIVATE KEY${foreignKey}`,
  ];
  for (const damage of damages) {
    await writeFile(file, damage);
    await assert.rejects(open(directory), refused('state', file));
    assert.equal(await readFile(file, 'utf8'), damage, 'the file is left as it is');
  }
  await writeFile(file, good);
  await truncate(file, 0);
  await assert.rejects(open(directory), refused('state', file));
});

test('a root past its end is refused by name; an SVID never outlives the root', async () => {
  const directory = fresh();
  const start = Date.UTC(2026, 0, 1);
  await open(directory, start);
  const tenYears = 3650 * 86_400_000;
  await assert.rejects(open(directory, start + tenYears), refused('expired', join(directory, `${trustDomain}.pem`)));
  const late = await open(directory, start + tenYears - 3_600_000);
  const id = serviceId(trustDomain, 'default', 'a');
  assert.equal((await late.issue(createCsr(newKey(), id), id)).expiresAtMs, start + tenYears);
});

test('a directory that cannot be made is an error that names the file', async () => {
  const blocked = join(home, 'blocked');
  await writeFile(blocked, '');
  const directory = join(blocked, 'pki');
  await assert.rejects(open(directory), refused('state', join(directory, `${trustDomain}.pem`)));
});

test('a short-lived SVID is not due for renewal when it is made', async () => {
  const now = Date.UTC(2026, 0, 1);
  const authority = await open(fresh(), now);
  const id = serviceId(trustDomain, 'default', 'a');
  const key = newKey();
  const issued = await authority.issue(createCsr(key, id), id, 10_000);
  const svid = createSvid(key, issued.chainPem, authority.bundlePem, id, now);
  for (const random of [0, 0.5, 0.999]) assert.ok(renewAtMs(svid, random) > now + 2000);
});

test('a server certificate: names and addresses, for servers only, under the root, with its own key', async () => {
  const authority = await open(fresh());
  const issued = await authority.issueServer(['*.shop.localhost', 'localhost', '127.0.0.1', '::1']);
  const leaf = new X509Certificate(issued.chainPem);
  const root = new X509Certificate(authority.bundlePem);
  assert.ok(leaf.verify(root.publicKey));
  assert.ok(leaf.checkPrivateKey(createPrivateKey(issued.privateKeyPem)));
  for (const host of ['eu.shop.localhost', 'localhost']) assert.equal(leaf.checkHost(host) !== undefined, true, host);
  for (const address of ['127.0.0.1', '::1']) assert.equal(leaf.checkIP(address), address);
  assert.equal(leaf.checkHost('other.localhost'), undefined);
  assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  assert.equal(leaf.ca, false);
  assert.ok(!(leaf.subjectAltName ?? '').includes('spiffe'));
});

test('a change of the root: three steps, each on disk before it counts, and resumed by who opens it then', async () => {
  const directory = fresh();
  const file = join(directory, `${trustDomain}.pem`);
  const roles = (authority: Authority): string[] => authority.roots.map(root => root.role);
  const first = await open(directory);
  const old = first.active.fingerprint;
  await first.prepare();
  await first.prepare();
  assert.deepEqual(roles(first), ['active', 'next']);
  const second = await open(directory);
  assert.equal(second.phase, 'prepared');
  assert.equal(second.active.fingerprint, old);
  assert.equal(second.bundlePem.match(/BEGIN CERTIFICATE/g)?.length, 2);
  assert.doesNotMatch(second.bundlePem, /PRIVATE|active|next/);

  await second.activate();
  const third = await open(directory);
  assert.deepEqual(roles(third), ['active', 'retiring']);
  assert.notEqual(third.active.fingerprint, old);
  assert.equal(third.anchor.fingerprint, old, 'pods were made with it');
  const key = newKey();
  const id = serviceId(trustDomain, 'default', 'a');
  const issued = await third.issue(createCsr(key, id), id);
  assert.equal(issued.root, third.active.fingerprint);
  assert.ok(new X509Certificate(issued.chainPem).verify(new X509Certificate(third.active.pem).publicKey));

  await third.retire();
  const fourth = await open(directory);
  assert.deepEqual(roles(fourth), ['active', 'retired']);
  assert.equal(fourth.bundlePem, fourth.active.pem);
  assert.equal((await fourth.issueDaemon(60_000, fourth.anchor)).root, old);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  await fourth.forgetRetired();
  assert.deepEqual(roles(await open(directory)), ['active']);
  assert.equal((await open(directory)).anchor.fingerprint, fourth.active.fingerprint);
  assert.deepEqual(await readdir(directory), [`${trustDomain}.pem`], 'nothing is left beside it');
});

test('steps out of turn do nothing', async () => {
  const authority = await open(fresh());
  const before = authority.active.fingerprint;
  await authority.activate();
  await authority.retire();
  await authority.forgetRetired();
  assert.equal(authority.phase, 'stable');
  assert.equal(authority.active.fingerprint, before);
});

test('roots that do not go together are damage', async () => {
  const directory = fresh();
  await open(directory);
  const file = join(directory, `${trustDomain}.pem`);
  const good = await readFile(file, 'utf8');
  const next = good.replace('active', 'next');
  for (const damage of [
    next,
    good + good,
    `${good}${next}${good.replace('active', 'retiring')}`,
    `${good}${next}${next}`,
    `${good}x`,
  ]) {
    await writeFile(file, damage);
    await assert.rejects(open(directory), refused('state', file));
  }
  await writeFile(file, good.replace('active\n', ''));
  assert.equal((await open(directory)).active.role, 'active', 'the first files had no roles');
});

test('roots of one trust domain have different names', async () => {
  const authority = await open(fresh());
  await authority.prepare();
  const [first, second] = authority.roots.map(root => new X509Certificate(root.pem).subject);
  assert.notEqual(first, second);
});
