/** The mTLS port of a sidecar as OpenSSL's own client sees it: which TLS it speaks, and which it does not. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Clock, systemClock } from '../../src/async/clock.ts';
import { inboundOf, type StartedSidecar, snapshotOf, startOnLoopback } from '../proxy/sidecar-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { createTestCa, newKey } from '../support/test-ca.ts';
import { TestDaemon } from '../support/test-daemon.ts';

const skip = spawnSync('openssl', ['version']).status === 0 ? false : 'no openssl command on this machine';
const now = Date.now();
const ca = createTestCa(now);
const hourMs = 3_600_000;

let folder = '';
let one: StartedSidecar;
let daemon: TestDaemon;
let late = 0;
const app = createServer(socket => socket.on('error', () => {}).pipe(socket));
const clock: Clock = { ...systemClock, now: () => Date.now() + late };

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mesh-tls-'));
  const key = newKey();
  await writeFile(join(folder, 'key.pem'), key.export({ type: 'pkcs8', format: 'pem' }));
  // Gone in an hour, while the server's own lasts for a day.
  const cert = ca.issue(key, 'spiffe://bookshop.local/ns/default/sa/storefront', { expiresAtMs: now + hourMs });
  await writeFile(join(folder, 'cert.pem'), cert);
  await writeFile(join(folder, 'ca.pem'), ca.bundlePem);
  await new Promise<void>(resolve => app.listen(0, '127.0.0.1', resolve));
  const address = app.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  one = await startOnLoopback('reviews', ca, () => ({ address: '127.0.0.1', port }), { clock });
  daemon = await TestDaemon.dial(one.sidecar.ports.control, ca);
  await daemon.push(snapshotOf('reviews', { version: '1', inbound: [inboundOf(port, 'reviews')] }));
  await eventually(async () => assert.notEqual(((await daemon.query('state')) as { certificate: unknown }).certificate, null));
});
after(async () => {
  daemon[Symbol.dispose]();
  await one.sidecar.drain(0);
  app.close();
  await rm(folder, { recursive: true, force: true });
});

const identity = ['-cert', 'cert.pem', '-key', 'key.pem'];

/** Says `hello`; all that OpenSSL and the app have to say to it. The app echoes. */
function client(...args: readonly string[]): Promise<string> {
  const to = ['s_client', '-connect', `127.0.0.1:${one.sidecar.ports.inbound}`, '-CAfile', 'ca.pem'];
  const child = spawn('openssl', [...to, ...args], { cwd: folder });
  let heard = '';
  let told = '';
  child.stdout.on('data', chunk => {
    heard += chunk;
    if (heard.includes('echo of it')) child.stdin.end();
  });
  child.stderr.on('data', chunk => {
    told += chunk;
  });
  child.stdin.on('error', () => {}).write('echo of it\n');
  return new Promise(resolve => child.on('close', () => resolve(`${heard}\n${told}`)));
}

/** Clients whose certificate, or lack of one, was what they were refused for. */
async function refused(): Promise<number> {
  const stats = String(await daemon.query('stats'));
  return Number(/refused_total\{listener="inbound",reason="peer_identity"\} (\d+)/.exec(stats)?.[1] ?? 0);
}

describe('the mTLS port, for OpenSSL', { skip, concurrency: false }, () => {
  test('speaks TLS 1.3 with a client that has a certificate', async () => {
    const heard = await client(...identity);
    assert.match(heard, /Protocol *: TLSv1\.3|New, TLSv1\.3/);
    assert.match(heard, /Verify return code: 0 \(ok\)/);
    assert.match(heard, /echo of it/);
    assert.match(heard, /Acceptable client certificate CA names\nCN = test root/);
    assert.doesNotMatch(heard, /Compression: (?!NONE)/);
  });

  for (const version of ['-tls1', '-tls1_1', '-tls1_2'])
    test(`does not speak ${version.slice(1)}`, async () => {
      // Level 0: with its own default the client would not even ask for what is that old.
      const heard = await client(...identity, version, '-cipher', 'ALL:@SECLEVEL=0');
      assert.match(heard, /alert protocol version|unsupported protocol|no protocols available/i);
      assert.doesNotMatch(heard, /echo of it/);
    });

  for (const [suite, spoken] of [
    ['TLS_AES_256_GCM_SHA384', true],
    ['TLS_AES_128_GCM_SHA256', true],
    ['TLS_CHACHA20_POLY1305_SHA256', true],
    ['TLS_AES_128_CCM_SHA256', false],
    ['TLS_AES_128_CCM_8_SHA256', false],
  ] as const)
    test(`${spoken ? 'speaks' : 'does not speak'} ${suite}`, async () => {
      const heard = await client(...identity, '-ciphersuites', suite);
      assert.equal(/echo of it/.test(heard), spoken, heard);
    });

  test('never renegotiates and takes no early data', async () => {
    const heard = await client(...identity);
    assert.match(heard, /Secure Renegotiation IS NOT supported/);
    assert.doesNotMatch(heard, /Max Early Data: [1-9]/);
  });

  test('says nothing to a client without a certificate', async () => {
    const before = await refused();
    assert.doesNotMatch(await client(), /echo of it/);
    assert.equal(await refused(), before + 1);
  });

  test('resumes a session, but not past the life of the certificate that began it', async () => {
    assert.match(await client(...identity, '-sess_out', 'session.pem'), /echo of it/);
    const resumed = await client(...identity, '-sess_in', 'session.pem', '-sess_out', 'session.pem');
    assert.match(resumed, /Reused, TLSv1\.3/);
    assert.match(resumed, /echo of it/);
    const before = await refused();
    late = 2 * hourMs;
    const heard = await client(...identity, '-sess_in', 'session.pem');
    late = 0;
    assert.doesNotMatch(heard, /echo of it/);
    assert.equal(await refused(), before + 1);
  });
});
