/** One daemon per folder: the listening socket is the lock. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { claimSocket } from '../../src/daemon/claim.ts';

const module = new URL('../../src/daemon/claim.ts', import.meta.url).href;
const script = `
  const { createServer } = await import('node:net');
  const { claimSocket } = await import(${JSON.stringify(module)});
  console.log(await claimSocket(createServer(), process.argv[1]) ? 'won' : 'lost');
  setInterval(() => {}, 1000);
`;
let dir: string;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'mesh-claim-'));
});
after(() => rm(dir, { recursive: true, force: true }));

async function claimInChild(path: string): Promise<{ child: ChildProcess; outcome: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [data] = await once(child.stdout ?? child, 'data');
  return { child, outcome: String(data).trim() };
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

test('a second start loses while the first one lives', async () => {
  const path = join(dir, 'a', 'daemon.sock');
  const server = createServer();
  assert.equal(await claimSocket(server, path), true);
  assert.equal(await claimSocket(createServer(), path), false);
  await new Promise(resolve => server.close(resolve));
});

test('nobody else may open the socket', async () => {
  const path = join(dir, 'mode', 'daemon.sock');
  const server = createServer();
  await claimSocket(server, path);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await stat(join(dir, 'mode'))).mode & 0o777, 0o700);
  await new Promise(resolve => server.close(resolve));
});

test('kill -9 leaves no lock behind', async () => {
  const path = join(dir, 'b', 'daemon.sock');
  const first = await claimInChild(path);
  assert.equal(first.outcome, 'won');
  await kill(first.child);
  const server = createServer();
  assert.equal(await claimSocket(server, path), true);
  await new Promise(resolve => server.close(resolve));
});

test('of several starts at once over a dead socket exactly one wins, and no file is left over', async () => {
  const path = join(dir, 'c', 'daemon.sock');
  await kill((await claimInChild(path)).child);
  const claims = await Promise.all(Array.from({ length: 4 }, () => claimInChild(path)));
  try {
    assert.deepEqual(claims.map(each => each.outcome).sort(), ['lost', 'lost', 'lost', 'won']);
    assert.deepEqual(await readdir(join(dir, 'c')), ['daemon.sock']);
  } finally {
    await Promise.all(claims.map(each => kill(each.child)));
  }
});
