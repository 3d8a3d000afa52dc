/** `mesh up` of a project that asks for more than its pods, on a real terminal. The engine is not there: what is started fails after the question. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'mesh.mjs');
let home: string;
let dir: string;

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'mesh-consent-'));
  dir = join(home, 'project');
  await mkdir(dir);
});
after(() => rm(home, { recursive: true, force: true }));
beforeEach(() => rm(join(home, 'state'), { recursive: true, force: true }));

const write = (service: string): Promise<void> =>
  writeFile(join(dir, 'mesh.yaml'), `services: {a: {image: x, port: 80, ${service}}}\n`);

/** Runs `mesh up` on a terminal of its own, answers the question, and gives what the terminal showed. */
async function up(answer: string): Promise<string> {
  const command = `${process.execPath} ${launcher} up --progress plain`;
  const env = {
    ...process.env,
    XDG_STATE_HOME: join(home, 'state'),
    DOCKER_HOST: `unix://${home}/no-engine.sock`,
    NO_COLOR: '1',
  };
  const child: ChildProcess = spawn('script', ['-qec', command, '/dev/null'], { cwd: dir, env });
  let shown = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const asked = shown.includes('[y/N]');
    shown += text;
    if (!asked && shown.includes('[y/N]')) child.stdin?.write(answer);
  });
  await once(child, 'close');
  return shown;
}

const grantFiles = async (): Promise<readonly string[]> => {
  const folder = join(home, 'state', 'localmesh', 'grants');
  return (await readdir(folder).catch(() => [])).map(name => join(folder, name));
};

test('it is asked, and a no starts nothing and is not remembered', async () => {
  await write('privileged: true, volumes: ["/etc:/x:ro"]');
  for (const answer of ['n\r', '\r', 'maybe\r', '\u0004']) {
    const shown = await up(answer);
    assert.match(shown, /asks for more than its pods:.*a: privileged.*a: mount \/etc at \/x, read-only.*\[y\/N\]/s);
    assert.match(shown, /error: nothing was started/);
    assert.doesNotMatch(shown, /Docker|engine/);
  }
  assert.deepEqual(await grantFiles(), []);
});

test('a yes is remembered for this folder and these things, outside of the folder, for the user alone', async () => {
  await write('privileged: true');
  assert.match(await up('y\r'), /\[y\/N\].*no-engine\.sock/s);
  const [file = ''] = await grantFiles();
  assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), { dir, grants: ['a: privileged'] });
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.ok(!file.startsWith(dir));

  const again = await up('');
  assert.doesNotMatch(again, /\[y\/N\]/);
  assert.match(again, /no-engine\.sock/);

  await write('privileged: true, volumes: ["/etc:/x"]');
  const changed = await up('n\r');
  assert.match(changed, /a: mount \/etc at \/x.*\[y\/N\].*nothing was started/s);
  assert.doesNotMatch(changed.split('[y/N]')[0] ?? '', /a: privileged\n/);
});

test('another mistake in the file is told, and nothing is asked', async () => {
  await write('privileged: true, prot: 80');
  const shown = await up('y\r');
  assert.doesNotMatch(shown, /\[y\/N\]/);
  assert.match(shown, /unknown-field/);
});

test('where nobody can answer it is refused', async () => {
  await write('privileged: true');
  const child = spawn(process.execPath, [launcher, 'up'], {
    cwd: dir,
    env: { ...process.env, XDG_STATE_HOME: join(home, 'state') },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 2);
  assert.match(said, /--allow-privileged/);
});
