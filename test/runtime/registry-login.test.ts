import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connectDocker } from '../../src/runtime/dockerode-adapter.ts';
import { registryLogin, registryOf } from '../../src/runtime/registry-login.ts';

describe('logins for pulls', () => {
  let folder = '';
  const path = process.env['PATH'] ?? '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mesh-login-'));
    const helper = `#!/bin/sh\nread registry\n[ "$registry" = ghcr.io ] && echo '{"Username":"<token>","Secret":"t0ken"}' || { echo none; exit 1; }\n`;
    await writeFile(join(folder, 'docker-credential-meshtest'), helper, { mode: 0o755 });
    process.env['PATH'] = `${folder}${delimiter}${path}`;
  });
  after(async () => {
    process.env['PATH'] = path;
    await rm(folder, { recursive: true });
  });
  const configure = (config: object) => writeFile(join(folder, 'config.json'), JSON.stringify(config));
  const auth = Buffer.from('ann:pa:ss').toString('base64');

  it('an image names its registry, or Docker Hub', () => {
    assert.deepEqual(
      ['redis:7', 'library/redis', 'docker.io/library/redis', 'ghcr.io/a/b:1', 'localhost/x', 'registry:5000/x'].map(registryOf),
      [...Array(3).fill('https://index.docker.io/v1/'), 'ghcr.io', 'localhost', 'registry:5000'],
    );
  });

  it('from the file, from a helper, or none', async () => {
    assert.equal(await registryLogin('redis', join(folder, 'absent')), null);
    await configure({ auths: { 'quay.io': { auth } } });
    assert.deepEqual(await registryLogin('quay.io/x', folder), { username: 'ann', password: 'pa:ss', serveraddress: 'quay.io' });
    assert.equal(await registryLogin('redis', folder), null);
    await configure({ credsStore: 'meshtest', credHelpers: { 'absent.io': 'no-such-helper' } });
    assert.deepEqual(await registryLogin('ghcr.io/x', folder), { identitytoken: 't0ken', serveraddress: 'ghcr.io' });
    assert.equal(await registryLogin('redis', folder), null);
    assert.equal(await registryLogin('absent.io/x', folder), null);
  });

  it('goes with the pull in the engine’s header', async t => {
    await configure({ auths: { 'quay.io': { auth } } });
    let header = '';
    const server = createServer((request, response) => {
      if (request.url?.startsWith('/images/create') === true) header = String(request.headers['x-registry-auth']);
      response.end(JSON.stringify({ Version: '20.10', ApiVersion: '1.41', Arch: 'amd64', Os: 'linux', status: 'done' }));
    });
    const socket = join(folder, 'engine.sock');
    await new Promise<void>(resolve => server.listen(socket, resolve));
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const docker = await connectDocker({
      env: { DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: folder },
      home: folder,
      platform: 'linux',
      uid: 0,
    });
    await docker.pullImage('quay.io/x:1', null, () => {}, new AbortController().signal);
    assert.deepEqual(JSON.parse(Buffer.from(header, 'base64url').toString()), {
      username: 'ann',
      password: 'pa:ss',
      serveraddress: 'quay.io',
    });
  });
});
