import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../../src/async/clock.ts';
import { openStateFolder } from '../../src/daemon/state-folder.ts';
import { WebAccess } from '../../src/daemon/web-access.ts';

let dir: string;
let files: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'mesh-access-'));
  files = join(dir, 'dashboard');
  await mkdir(files);
  await writeFile(join(files, 'index.html'), 'page');
  await openStateFolder(join(dir, '.mesh'));
});
after(() => rm(dir, { recursive: true }));

const access = (dashboard: string | null = files): WebAccess =>
  new WebAccess((_, response) => void response.end('through'), { stateDir: join(dir, '.mesh'), clock: systemClock, dashboard });

test('a link logs one page in, once; asking again gives another to the same address', async () => {
  const web = access();
  try {
    assert.equal(web.url, null);
    const first = await web.dashboard(0);
    const second = await web.dashboard(null);
    assert.equal(web.url, first.url);
    assert.equal(second.url, first.url);
    assert.notEqual(second.loginUrl, first.loginUrl);
    assert.equal(await (await fetch(first.url)).text(), 'page');
    const code = first.loginUrl.slice(`${first.url}/#code=`.length);
    const login = (): Promise<Response> =>
      fetch(`${first.url}/v1/session`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ code }),
      });
    assert.deepEqual([(await login()).status, (await login()).status], [200, 401]);
  } finally {
    await web.close();
  }
});

test('the usual port gives way where it is taken, one that was asked for does not', async () => {
  const holder = createServer();
  await new Promise<void>(resolve => holder.listen(0, '127.0.0.1', resolve));
  const address = holder.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const web = access();
  try {
    await assert.rejects(web.dashboard(port), { code: 'port-taken' });
    assert.equal(web.url, null);
    const { url } = await web.dashboard(0);
    assert.equal((await fetch(url)).status, 200);
  } finally {
    holder.close();
    await web.close();
  }
});

test('a checkout that was not built says what to do, and opens nothing', async () => {
  const web = access(null);
  await assert.rejects(web.dashboard(null), { code: 'no-dashboard', hint: /npm run build/ });
  assert.equal(web.url, null);
  await web.close();
});
