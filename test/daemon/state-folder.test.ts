import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { forgetRun, openStateFolder, readRecord, writeAtomically, writeRecord } from '../../src/daemon/state-folder.ts';

const record = { project: 'shop', pid: 1, socket: '/s', startedAt: '2026-01-01T00:00:00.000Z', version: '1.0.0' };
let dir: string;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'mesh-state-'));
});
after(() => rm(dir, { recursive: true, force: true }));

test('the folder is private and git does not see it', async () => {
  const folder = join(dir, '.mesh');
  await openStateFolder(folder);
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  assert.deepEqual((await readdir(folder)).sort(), ['.gitignore', 'run']);
});

test('a record comes back as it was written', async () => {
  await writeRecord(dir, record);
  assert.deepEqual(await readRecord(dir), record);
  assert.equal((await stat(join(dir, 'daemon.json'))).mode & 0o777, 0o600);
});

for (const [what, text] of [
  ['empty', ''],
  ['truncated', '{"project": "sh'],
  ['of another shape', '{"project": 7}'],
  ['random', '\u0000\u0001'],
] as const) {
  test(`a record that is ${what} counts as none`, async () => {
    await writeFile(join(dir, 'daemon.json'), text);
    assert.equal(await readRecord(dir), null);
  });
}

test('a failed write leaves the old file and no temporary one', async () => {
  const folder = join(dir, 'target');
  await openStateFolder(folder);
  await assert.rejects(writeAtomically(join(folder, 'run'), 'a folder stands here'));
  assert.deepEqual((await readdir(folder)).sort(), ['.gitignore', 'run']);
});

test('forgetting keeps everything but the run', async () => {
  const folder = join(dir, 'kept');
  await openStateFolder(folder);
  await writeRecord(folder, record);
  await writeFile(join(folder, 'root.pem'), 'key');
  await forgetRun(folder);
  assert.deepEqual((await readdir(folder)).sort(), ['.gitignore', 'root.pem']);
});

test('keys that a checkout brought along are refused, and stay as they are', async () => {
  const folder = join(dir, 'foreign', '.mesh');
  await mkdir(join(folder, 'pki'), { recursive: true, mode: 0o755 });
  await chmod(join(folder, 'pki'), 0o755);
  for (let round = 0; round < 2; round++)
    await assert.rejects(openStateFolder(folder), { code: 'state-folder', message: /open to others/ });
  await chmod(join(folder, 'pki'), 0o700);
  await openStateFolder(folder);
});
