import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { WebFiles } from '../../src/api/web-files.ts';
import { systemClock } from '../../src/async/clock.ts';
import { openStateFolder } from '../../src/daemon/state-folder.ts';
import { openWebFace, tokenFile } from '../../src/daemon/web-face.ts';

let stateDir: string;
before(async () => {
  stateDir = join(await mkdtemp(join(tmpdir(), 'mesh-web-')), '.mesh', 'projects', 'copy');
});
after(() => rm(join(stateDir, '..', '..', '..'), { recursive: true, force: true }));

const open = (port: number): ReturnType<typeof openWebFace> =>
  openWebFace((_, response) => void response.end('through'), { stateDir, port, clock: systemClock, files: new WebFiles(null) });

test('the token is new each time, only the user can read it whatever the umask, and it goes with the daemon', async () => {
  const before = process.umask(0);
  try {
    await openStateFolder(stateDir);
    const tokens = new Set<string>();
    for (let round = 0; round < 2; round++) {
      const web = await open(0);
      const token = (await readFile(tokenFile(stateDir), 'utf8')).trim();
      assert.equal(Buffer.from(token, 'base64url').length, 32);
      tokens.add(token);
      assert.equal((await stat(tokenFile(stateDir))).mode & 0o777, 0o600);
      for (const folder of [stateDir, join(stateDir, '..'), join(stateDir, '..', '..')])
        assert.equal((await stat(folder)).mode & 0o777, 0o700, folder);
      const headers = { authorization: `Bearer ${token}` };
      assert.equal(await (await fetch(web.url, { headers })).text(), 'through');
      assert.equal((await fetch(web.url)).status, 401);
      await web.close();
      await assert.rejects(stat(tokenFile(stateDir)), { code: 'ENOENT' });
      await assert.rejects(fetch(web.url, { headers }));
    }
    assert.equal(tokens.size, 2);
  } finally {
    process.umask(before);
  }
});

test('no address but loopback answers', async () => {
  await openStateFolder(stateDir);
  const web = await open(0);
  try {
    const outside = Object.values(networkInterfaces()).flatMap(list =>
      (list ?? []).filter(one => !one.internal && one.family === 'IPv4'),
    );
    // Where the machine has no network, one of the others of loopback tells as much.
    for (const address of ['127.0.0.2', ...outside.map(({ address }) => address)])
      await assert.rejects(fetch(web.url.replace('127.0.0.1', address)), address);
  } finally {
    await web.close();
  }
});

test('a port that somebody has is told, also where only one family of it is taken', async () => {
  await openStateFolder(stateDir);
  for (const host of ['127.0.0.1', '::1']) {
    const taken = createServer().listen(0, host);
    await once(taken, 'listening');
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await assert.rejects(open(port), { code: 'port-taken', message: `port ${port} of the admin API is taken` });
    await assert.rejects(stat(tokenFile(stateDir)), { code: 'ENOENT' });
    taken.close();
  }
});
