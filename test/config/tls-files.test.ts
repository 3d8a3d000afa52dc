import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { LoadResult } from '../../src/config/load.ts';
import { loadMesh } from '../../src/interop/load-mesh.ts';
import { createTestCa, type LeafOptions, newKey } from '../support/test-ca.ts';

const ca = createTestCa(Date.now());
const dayMs = 86_400_000;
let dir: string;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'mesh-tls-files-'));
});
after(() => rm(dir, { recursive: true, force: true }));

/** Writes `<name>.pem` and `<name>.key`. */
async function pair(name: string, host: string, options: LeafOptions = {}): Promise<void> {
  const key = newKey();
  await writeFile(join(dir, `${name}.pem`), ca.issue(key, null, { names: [{ type: 'dns', value: host }], ...options }));
  await writeFile(join(dir, `${name}.key`), key.export({ type: 'pkcs8', format: 'pem' }));
}

/** Loads a mesh with one gateway with these files. */
async function load(cert: string, key: string, more = ''): Promise<LoadResult> {
  const text = `
name: files
services: {shop: {image: shop, port: 8080}}
gateways:
  web: {port: 8443, tls: {cert: ${cert}, key: ${key}}, routes: [{hosts: [shop.localhost], to: shop}]}
${more}`;
  await writeFile(join(dir, 'mesh.yaml'), text);
  return loadMesh({ file: join(dir, 'mesh.yaml'), env: {}, profiles: [], project: null });
}

async function codes(cert: string, key: string): Promise<readonly string[]> {
  return (await load(cert, key)).diagnostics.map(
    one => `${one.severity} ${one.code} ${one.path.replace('gateways.web.tls.', '')}`,
  );
}

describe('certificate and key of a gateway', () => {
  test('a pair that fits is named by path and fingerprint, watched, and its key is nowhere', async () => {
    await pair('good', 'shop.localhost');
    const first = await load('good.pem', 'good.key');
    assert.deepEqual(first.diagnostics, []);
    const source = first.config?.gateways[0]?.tls?.certificate;
    assert.equal(source?.kind, 'files');
    for (const file of ['good.pem', 'good.key']) assert.ok(first.files.includes(join(dir, file)), file);
    assert.ok(!JSON.stringify(first).includes('PRIVATE KEY'));
    await pair('good', 'shop.localhost');
    const second = await load('good.pem', 'good.key');
    assert.notDeepEqual(
      second.config?.gateways[0]?.tls,
      first.config?.gateways[0]?.tls,
      'another certificate, another configuration',
    );
  });

  test('every mistake has its name and its place', async () => {
    await pair('good', 'shop.localhost');
    await pair('other', 'other.localhost');
    await pair('old', 'shop.localhost', { notBeforeMs: Date.now() - 9 * dayMs, expiresAtMs: Date.now() - dayMs });
    await pair('early', 'shop.localhost', { notBeforeMs: Date.now() + dayMs, expiresAtMs: Date.now() + 9 * dayMs });
    const locked = newKey().export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' });
    await writeFile(join(dir, 'locked.key'), locked);
    assert.deepEqual(await codes('good.pem', 'other.key'), ['error tls-key key']);
    assert.deepEqual(await codes('other.pem', 'other.key'), ['warning tls-wrong-host cert']);
    assert.deepEqual(await codes('old.pem', 'old.key'), ['error tls-expired cert']);
    assert.deepEqual(await codes('early.pem', 'early.key'), ['error tls-expired cert']);
    assert.deepEqual(await codes('good.pem', 'locked.key'), ['error tls-key key']);
    assert.deepEqual(await codes('good.key', 'good.pem'), ['error tls-certificate cert', 'error tls-key key']);
    assert.deepEqual(await codes('none.pem', 'none.key'), ['error file-not-found cert', 'error file-not-found key']);
    assert.deepEqual(await codes('.', 'good.key'), ['error file-unreadable cert']);
  });

  test('files that are missing are watched too, so that writing them mends the mesh', async () => {
    const { files, config } = await load('later.pem', 'later.key');
    assert.equal(config, null);
    assert.ok(files.includes(join(dir, 'later.key')));
  });
});

test('roots of an external service: the certificates in the file and nothing else', async () => {
  await pair('good', 'shop.localhost');
  const key = newKey().export({ type: 'pkcs8', format: 'pem' });
  await writeFile(join(dir, 'roots.pem'), `${key}${ca.bundlePem}`);
  const { config, diagnostics } = await load(
    'good.pem',
    'good.key',
    'external: {api: {hosts: [api.corp], port: 443, tls: {ca: roots.pem}}}',
  );
  assert.deepEqual(diagnostics, []);
  assert.match(config?.external?.[0]?.tls?.caPem ?? '', /BEGIN CERTIFICATE/);
  assert.ok(!JSON.stringify(config).includes('PRIVATE KEY'));
});
