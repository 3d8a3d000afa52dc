import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
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

test('the past outlives a `down`', async () => {
  const folder = join(dir, 'with-past');
  await openStateFolder(folder);
  await mkdir(join(folder, 'history'));
  await writeFile(join(folder, 'history', 'seconds-1.history'), 'then');
  await forgetRun(folder);
  assert.equal(await readFile(join(folder, 'history', 'seconds-1.history'), 'utf8'), 'then');
});

test('a folder that is a link is neither used nor emptied', async () => {
  const victim = join(dir, 'victim');
  await mkdir(join(victim, 'run'), { recursive: true });
  await writeFile(join(victim, '.gitignore'), 'mine\n');
  for (const [name, link, folder] of [
    ['whole', '.mesh', '.mesh'],
    ['run', '.mesh/run', '.mesh'],
    ['pki', '.mesh/pki', '.mesh'],
    ['named', '.mesh', '.mesh/projects/shop'],
    ['projects', '.mesh/projects', '.mesh/projects/shop'],
    ['one', '.mesh/projects/shop', '.mesh/projects/shop'],
  ] as const) {
    const project = join(dir, `links-${name}`);
    await mkdir(join(project, link, '..'), { recursive: true });
    await symlink(victim, join(project, link));
    const isLink = { code: 'state-folder', message: `${join(project, link)} is a link: it came with the project` };
    await assert.rejects(openStateFolder(join(project, folder)), isLink);
    await assert.rejects(forgetRun(join(project, folder)), isLink);
  }
  assert.deepEqual((await readdir(victim)).sort(), ['.gitignore', 'run']);
  assert.equal(await readFile(join(victim, '.gitignore'), 'utf8'), 'mine\n');
});

test('nothing is written through a link that stands where the temporary file goes', async () => {
  const folder = join(dir, 'planted');
  await mkdir(folder);
  await writeFile(join(dir, 'other'), 'mine');
  await symlink(join(dir, 'other'), join(folder, `ca.pem.${process.pid}.tmp`));
  await writeAtomically(join(folder, 'ca.pem'), 'root');
  assert.equal(await readFile(join(dir, 'other'), 'utf8'), 'mine');
  assert.equal(await readFile(join(folder, 'ca.pem'), 'utf8'), 'root');
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
