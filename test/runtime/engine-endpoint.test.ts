import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connectDocker } from '../../src/runtime/dockerode-adapter.ts';
import { findEndpoints } from '../../src/runtime/engine-endpoint.ts';
import { EngineTooOld, EngineUnreachable } from '../../src/runtime/runtime-error.ts';

describe('where the engine is looked for', () => {
  let home = '';
  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'mesh-home-'));
  });
  after(() => rm(home, { recursive: true }));
  const inputs = (env: Record<string, string>) => ({
    env: { XDG_RUNTIME_DIR: join(home, 'run'), ...env },
    home,
    platform: 'linux' as const,
    uid: 1000,
  });
  const urls = async (env: Record<string, string>) =>
    (await findEndpoints(inputs(env))).candidates.map(one => `${one.url} (${one.from})`);
  const useContext = async (name: string, host: string) => {
    const folder = join(home, '.docker/contexts/meta', createHash('sha256').update(name).digest('hex'));
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'meta.json'), JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }));
    await writeFile(join(home, '.docker/config.json'), JSON.stringify({ currentContext: name }));
  };

  it('DOCKER_HOST before all, with or without a scheme', async () => {
    assert.deepEqual(await urls({ DOCKER_HOST: 'unix:///x.sock' }), ['unix:///x.sock (DOCKER_HOST)']);
    assert.deepEqual(await urls({ DOCKER_HOST: '10.0.0.1:2375' }), ['tcp://10.0.0.1:2375 (DOCKER_HOST)']);
  });

  it('then the current docker context', async () => {
    await useContext('colima', 'unix:///colima.sock');
    assert.deepEqual(await urls({}), ['unix:///colima.sock (docker context "colima")']);
    assert.deepEqual(await urls({ DOCKER_HOST: 'unix:///x.sock' }), ['unix:///x.sock (DOCKER_HOST)']);
    await rm(join(home, '.docker'), { recursive: true });
  });

  it('then sockets that exist, and notes those that do not', async t => {
    const server = createServer();
    t.after(() => server.close());
    await mkdir(join(home, '.docker/run'), { recursive: true });
    const path = join(home, '.docker/run/docker.sock');
    await new Promise<void>(resolve => server.listen(path, resolve));
    const { candidates, notes } = await findEndpoints(inputs({}));
    assert.ok(candidates.some(one => one.url === `unix://${path}`));
    assert.ok(notes.includes(`unix://${join(home, 'run/docker.sock')}: no such socket`));
  });

  it('no engine: the error lists what was tried, and why it failed', async () => {
    await assert.rejects(connectDocker(inputs({ DOCKER_HOST: `unix://${home}/none.sock` })), error => {
      assert.ok(error instanceof EngineUnreachable);
      assert.deepEqual(error.tried, [`unix://${home}/none.sock: no such socket (DOCKER_HOST)`]);
      return true;
    });
    await assert.rejects(connectDocker(inputs({ DOCKER_HOST: 'tcp://127.0.0.1:1' })), /127\.0\.0\.1:1: connection refused/);
  });

  it('an engine that is too old is refused by its version', async t => {
    const server = createServer((_, response) =>
      response.end(JSON.stringify({ Version: '19.03', ApiVersion: '1.40', Arch: 'amd64', Os: 'linux' })),
    );
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const path = join(home, 'old.sock');
    await new Promise<void>(resolve => server.listen(path, resolve));
    await assert.rejects(
      connectDocker(inputs({ DOCKER_HOST: `unix://${path}` })),
      error => error instanceof EngineTooOld && error.message.includes('1.40'),
    );
  });
});
