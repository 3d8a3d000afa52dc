/**
 * A path that leads to a pipe or a device: opening a pipe waits for a writer, /dev/zero never ends, and both say that their size is 0. The daemon reads what
 * mesh.yaml names again and again while the mesh runs, so one `mkfifo` in a project stopped it for good: no reload, no status, no certificate renewed.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { readRegularFile } from '../../src/config/read-file.ts';
import { watchFiles } from '../../src/config/watch.ts';
import { loadMesh } from '../../src/interop/load-mesh.ts';

const dir = mkdtempSync(join(tmpdir(), 'mesh-special-files-'));
after(() => rmSync(dir, { recursive: true, force: true }));
beforeEach(() => {
  for (const name of ['mesh.yaml', 'compose.yaml', '.env', 'cert.pem', 'key.pem', 'app.env'])
    rmSync(join(dir, name), { force: true });
});

const kinds: readonly (readonly [name: string, make: (path: string) => void])[] = [
  ['a pipe', path => void execFileSync('mkfifo', [path])],
  ['a link to /dev/zero', path => symlinkSync('/dev/zero', path)],
  ['a link to itself', path => symlinkSync(path, path)],
];

async function codes(mesh: string | null): Promise<readonly string[]> {
  if (mesh !== null) writeFileSync(join(dir, 'mesh.yaml'), mesh);
  const { diagnostics, config } = await loadMesh({ file: join(dir, 'mesh.yaml'), env: {}, profiles: [], project: null });
  assert.equal(config, null);
  return diagnostics.map(one => `${one.code} ${one.path}`);
}

const plain = 'name: special\nservices: {shop: {image: shop, port: 8080}}\n';

for (const [kind, make] of kinds) {
  describe(`${kind} in place of`, () => {
    test('mesh.yaml', async () => {
      make(join(dir, 'mesh.yaml'));
      assert.deepEqual(await codes(null), ['file-unreadable ']);
    });
    test('the compose file', async () => {
      make(join(dir, 'compose.yaml'));
      assert.deepEqual(await codes('name: special\ncompose: compose.yaml\n'), ['compose-missing-file compose']);
    });
    test('.env', async () => {
      make(join(dir, '.env'));
      assert.deepEqual(await codes(plain), ['file-unreadable ']);
    });
    test('an env_file', async () => {
      make(join(dir, 'app.env'));
      const found = await codes('name: special\nservices: {shop: {image: shop, port: 8080, env_file: app.env}}\n');
      // A link that leads out of the project is asked about besides.
      assert.match(found.join('\n'), /^compose-\S+ services\.shop\.env_file/m);
    });
    test('the certificate and the key of a gateway', async () => {
      make(join(dir, 'cert.pem'));
      make(join(dir, 'key.pem'));
      const tls = 'gateways: {web: {port: 8443, tls: {cert: cert.pem, key: key.pem}, routes: [{to: shop}]}}\n';
      assert.deepEqual(await codes(plain + tls), [
        'file-unreadable gateways.web.tls.cert',
        'file-unreadable gateways.web.tls.key',
      ]);
    });
    test('a watched file', async () => {
      const path = join(dir, 'cert.pem');
      make(path);
      await using watch = watchFiles([path], () => {});
      await watch.ready;
    });
  });
}

test('a file that grows or shrinks while it is read', () => {
  const path = join(dir, 'cert.pem');
  writeFileSync(path, 'x'.repeat(10));
  assert.deepEqual(readRegularFile(path, 4), { bytes: Buffer.from('xxxx'), size: 10 });
  assert.deepEqual(readRegularFile(path, 100), { bytes: Buffer.from('x'.repeat(10)), size: 10 });
});
