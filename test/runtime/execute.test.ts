import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { DependencyConfig } from '../../src/config/mesh-config.ts';
import type { RuntimeDeps } from '../../src/runtime/create-runtime.ts';
import type { LogPiece } from '../../src/runtime/runtime.ts';
import { ContainerFailed, ImageMissing, PortTaken, RuntimeError } from '../../src/runtime/runtime-error.ts';
import { eventually } from '../support/eventually.ts';
import { FakeDocker } from '../support/fake-docker.ts';
import { containerConfig, gatewayConfig, meshConfig, oneContainer, serviceConfig, versionConfig } from './configs.ts';
import { bundleFolder, idleHooks, testRuntime, up } from './test-runtime.ts';

const script = (line: string) => ({ command: ['/bin/busybox', 'sh', '-c', line] });
const on = (service: string, condition: DependencyConfig['condition'], required = true): DependencyConfig => ({
  service,
  version: '',
  condition,
  required,
});

const text = async (pieces: AsyncIterable<LogPiece>) => {
  let all = '';
  for await (const { data } of pieces) all += data.toString();
  return all;
};

describe('carrying a plan out, on the engine in memory', () => {
  let bundle: Awaited<ReturnType<typeof bundleFolder>>;
  before(async () => {
    bundle = await bundleFolder();
  });
  after(() => bundle.remove());

  // A base image spares each test the hashing of a node binary.
  const onBase = (docker: FakeDocker, more: Partial<RuntimeDeps> = {}) =>
    testRuntime(docker, 'shop', bundle.path, {
      sidecar: { bundleDir: bundle.path, nodeBinary: null, baseImage: 'node:24', uid: 1337, controlPort: 15012 },
      ...more,
    });
  const fresh = (...images: readonly string[]) => {
    const docker = new FakeDocker();
    for (const image of ['node:24', ...images]) docker.addImage(image);
    return { docker, runtime: onBase(docker) };
  };
  const starts = (docker: FakeDocker) =>
    docker.calls.filter(call => call.startsWith('start')).map(call => call.slice('start shop-'.length));

  it('starts pause, sidecar and, when the sidecar serves, the app', async () => {
    const { docker, runtime } = fresh('a:1');
    const served = Promise.withResolvers<void>();
    const upping = up(runtime, meshConfig([oneContainer('a', 'a:1', 80)]), {
      hooks: { ...idleHooks, sidecarReady: () => served.promise },
    });
    await eventually(() => assert.deepEqual(starts(docker), ['a-1-pod', 'a-1-sidecar']));
    served.resolve();
    await upping;
    assert.deepEqual(starts(docker), ['a-1-pod', 'a-1-sidecar', 'a-1']);
    const [pod] = await runtime.observe();
    assert.equal(pod?.app?.state, 'running');
    assert.notEqual(pod?.controlPort, null);
    assert.deepEqual((await runtime.plan(meshConfig([oneContainer('a', 'a:1', 80)]))).operations, []);
  });

  it('does not wait for a sidecar whose network container is gone', async () => {
    for (const lose of ['killContainer', 'removeContainer'] as const) {
      const { docker, runtime } = fresh('a:1');
      const asked = Promise.withResolvers<void>();
      const never = Promise.withResolvers<void>();
      const sidecarReady = () => {
        asked.resolve();
        return never.promise;
      };
      const hooks = { ...idleHooks, sidecarReady };
      const upping = up(runtime, meshConfig([oneContainer('a', 'a:1', 80)]), { hooks });
      const failed = assert.rejects(upping, { code: 'container-failed' });
      await asked.promise;
      await docker[lose]((await docker.listContainers({})).find(one => one.name === 'shop-a-1-pod')?.id ?? '');
      await failed;
    }
  });

  it('starts after what it depends on: started, healthy, completed', async () => {
    const { docker, runtime } = fresh('a:1');
    const config = meshConfig([
      oneContainer('app', 'a:1', 80, {
        dependsOn: [on('db', 'service_healthy'), on('migrate', 'service_completed_successfully')],
      }),
      oneContainer('db', 'a:1', 5432, {
        healthcheck: { test: ['CMD', 'x'], intervalMs: 1, timeoutMs: 1, retries: 1, startPeriodMs: null },
      }),
      oneContainer('migrate', 'a:1', null, { ...script('sleep 9'), dependsOn: [on('db', 'service_started')] }),
    ]);
    const upping = up(runtime, config);
    await eventually(() => assert.ok(starts(docker).includes('migrate-1')));
    assert.ok(!starts(docker).some(name => name.startsWith('app')));
    docker.setHealth('shop-db-1', 'healthy');
    docker.endContainer('shop-migrate-1', 0);
    await upping;
    assert.equal(starts(docker).at(-1), 'app-1');
  });

  it('fails when a dependency fails, unless it is not required', async () => {
    const { runtime } = fresh('a:1');
    const config = (required: boolean) =>
      meshConfig([
        oneContainer('app', 'a:1', 80, { dependsOn: [on('migrate', 'service_completed_successfully', required)] }),
        oneContainer('migrate', 'a:1', null, script('echo no table; exit 4')),
      ]);
    await assert.rejects(
      up(runtime, config(true)),
      error => error instanceof ContainerFailed && error.exitCode === 4 && error.message.includes('no table'),
    );
    const optional = fresh('a:1');
    await assert.rejects(up(optional.runtime, config(false)), ContainerFailed); // its crash is still told
    assert.ok(starts(optional.docker).includes('app-1'));
  });

  it('refuses services that wait for each other', async () => {
    const { docker, runtime } = fresh('a:1');
    const config = meshConfig([
      oneContainer('a', 'a:1', 80, { dependsOn: [on('b', 'service_started')] }),
      oneContainer('b', 'a:1', 80, { dependsOn: [on('a', 'service_started')] }),
    ]);
    await assert.rejects(up(runtime, config), /a → b → a/);
    assert.deepEqual(starts(docker), []);
  });

  it('tells of an app that crashes at once, with its last lines; the others run', async () => {
    const { runtime } = fresh('a:1');
    const config = meshConfig([
      oneContainer('bad', 'a:1', 80, script('echo cannot bind; exit 2')),
      oneContainer('good', 'a:1', 80),
    ]);
    const hooks = {
      ...idleHooks,
      appListening: (workload: string) => (workload === 'bad-1' ? new Promise<void>(() => {}) : Promise.resolve()),
    };
    await assert.rejects(up(runtime, config, { hooks }), (error: unknown) => {
      assert.ok(error instanceof ContainerFailed);
      assert.equal(error.exitCode, 2);
      assert.match(error.message, /shop-bad-1 ended at once with exit code 2[\s\S]*cannot bind/);
      return true;
    });
    assert.equal((await runtime.observe()).find(pod => pod.service === 'good')?.app?.state, 'running');
  });

  it('says which image is missing before it makes anything', async () => {
    const { docker, runtime } = fresh();
    await assert.rejects(
      up(runtime, meshConfig([oneContainer('a', 'gone:1', 80, { pullPolicy: 'never' })])),
      error => error instanceof ImageMissing && error.image === 'gone:1',
    );
    await assert.rejects(
      up(runtime, meshConfig([oneContainer('a', 'absent:1', 80)])),
      error => error instanceof RuntimeError && error.code === 'pull-failed',
    );
    assert.deepEqual(
      docker.calls.filter(call => call.startsWith('create shop')),
      [],
    );
  });

  it('says who has a port before it makes anything', async () => {
    const { docker, runtime } = fresh('a:1');
    const port = { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }] };
    const other = await docker.createContainer('nginx', {
      Image: 'a:1',
      Cmd: ['x', 'sleep', '9'],
      Labels: {},
      HostConfig: { NetworkMode: 'bridge', PortBindings: port },
    });
    await docker.startContainer(other);
    await assert.rejects(
      up(runtime, meshConfig([], { gateways: [gatewayConfig('web', 8080)] })),
      error => error instanceof PortTaken && error.owner === 'container nginx',
    );
    assert.deepEqual(
      docker.calls.filter(call => call.startsWith('create shop')),
      [],
    );
  });

  it('repairs a pod in the right order after its network container restarted', async () => {
    const { docker, runtime } = fresh('a:1');
    const config = meshConfig([oneContainer('a', 'a:1', 80)]);
    await up(runtime, config);
    docker.endContainer('shop-a-1-pod', 137);
    docker.calls.length = 0;
    await up(runtime, config);
    assert.deepEqual(docker.calls, [
      'start shop-a-1-pod',
      'kill shop-a-1-sidecar',
      'stop shop-a-1',
      'start shop-a-1-sidecar',
      'start shop-a-1',
    ]);
    assert.deepEqual((await runtime.plan(config)).operations, []);
  });

  it('starts a dead sidecar and leaves the app alone', async () => {
    const { docker, runtime } = fresh('a:1');
    const config = meshConfig([oneContainer('a', 'a:1', 80)]);
    await up(runtime, config);
    docker.endContainer('shop-a-1-sidecar', 1);
    docker.calls.length = 0;
    await up(runtime, config);
    assert.deepEqual(docker.calls, ['start shop-a-1-sidecar']);
  });

  it('replaces only the pod whose version changed, and ends jobs with all their containers', async () => {
    const { docker, runtime } = fresh('a:1', 'a:2');
    const reviews = (image: string) =>
      serviceConfig('reviews', [versionConfig('v1', containerConfig('a:1')), versionConfig('v2', containerConfig(image))], 80);
    await up(runtime, meshConfig([reviews('a:1'), oneContainer('job', 'a:1', null, script('exit 0'))]));
    await eventually(async () =>
      assert.equal((await runtime.observe()).find(pod => pod.service === 'job')?.app?.state, 'exited'),
    );
    const lines = await up(runtime, meshConfig([reviews('a:2'), oneContainer('job', 'a:1', null, script('exit 0'))]));
    assert.deepEqual(lines.filter(line => line.startsWith('done')).sort(), [
      'done recreate-pod reviews-v2-1',
      'done stop-pod job-1',
    ]);
    assert.deepEqual(
      (await docker.listContainers({})).filter(one => one.name.includes('job')).map(one => one.state),
      ['exited', 'exited', 'exited'],
    );
  });

  it('refuses an image whose own user is the sidecar’s, unless another is given', async () => {
    const { docker, runtime } = fresh('a:1');
    docker.addImage('escapes:1', { user: '1337:1337' });
    await assert.rejects(up(runtime, meshConfig([oneContainer('a', 'escapes:1', 80)])), { code: 'reserved-user' });
    await up(runtime, meshConfig([oneContainer('a', 'escapes:1', 80, { user: '1000' })]));
  });

  it('neither adopts nor removes a container that only carries its labels', async () => {
    const { docker, runtime } = fresh('a:1');
    const config = meshConfig([oneContainer('a', 'a:1', 80)]);
    await up(runtime, config);
    const app = (await docker.listContainers({})).find(one => one.labels['dev.localmesh.role'] === 'app');
    await docker.createContainer('copy', {
      Image: 'a:1',
      HostConfig: { NetworkMode: 'none' },
      Labels: { ...app?.labels, 'dev.localmesh.dir': '/else' },
    });
    await docker.createContainer('half', {
      Image: 'a:1',
      HostConfig: { NetworkMode: 'none' },
      Labels: { 'dev.localmesh.project': 'shop' },
    });
    const before = docker.calls.length;
    await up(runtime, config);
    assert.deepEqual(
      docker.calls.slice(before).filter(call => /^(create|remove|start)/.test(call)),
      [],
    );
    assert.deepEqual(
      (await runtime.observe()).map(pod => pod.app?.name),
      [app?.name],
    );
    const lines: string[] = [];
    await runtime.down({ volumes: true, onProgress: line => lines.push(line) });
    assert.deepEqual((await docker.listContainers({})).map(one => one.name).sort(), ['copy', 'half']);
    assert.ok(lines.some(line => line.startsWith('left container copy')));
  });

  it('removes sidecar images of former versions when it makes a new one, and not before', async () => {
    const { docker, runtime } = fresh('a:1');
    const config = meshConfig([oneContainer('a', 'a:1', 80)]);
    const former = () =>
      docker.addImage('localmesh-sidecar:former', { labels: { 'dev.localmesh.image': 'sidecar' }, createdAtMs: 0 });
    former();
    await up(runtime, config);
    assert.ok(!docker.images.has('localmesh-sidecar:former'));
    assert.equal([...docker.images.keys()].filter(ref => ref.startsWith('localmesh-sidecar:')).length, 1);
    former();
    await up(runtime, config);
    assert.ok(docker.images.has('localmesh-sidecar:former'));
  });

  it('does not recreate a pod for a build that gave the same image', async () => {
    const { docker, runtime } = fresh('a:1');
    const config = meshConfig([
      oneContainer('a', 'a:1', 80, { build: { context: '/x', dockerfile: 'Dockerfile', args: {}, target: null, labels: {} } }),
    ]);
    await up(runtime, config);
    docker.buildImage = async ({ tag }) => docker.images.get(tag)?.id ?? '';
    docker.calls.length = 0;
    await up(runtime, config, { plan: { build: true } });
    assert.deepEqual(docker.calls, []);
  });

  it('starts a stopped pod again whose build gave the same image', async () => {
    const { docker, runtime } = fresh('a:1');
    const build = { context: '/x', dockerfile: 'Dockerfile', args: {}, target: null, labels: {} };
    const config = meshConfig([oneContainer('a', 'a:1', 80, { build })]);
    await up(runtime, config);
    docker.buildImage = async ({ tag }) => docker.images.get(tag)?.id ?? '';
    for (const name of ['a-1', 'a-1-sidecar', 'a-1-pod']) docker.endContainer(`shop-${name}`, 137);
    const plan = { build: true, initial: true };
    assert.deepEqual((await runtime.plan(config, plan)).operations.slice(-1), [
      {
        kind: 'recreate-pod',
        target: 'a-1',
        cause: 'build asked for',
        ifSameImage: { kind: 'start-pod', cause: 'ended' },
      },
    ]);
    docker.calls.length = 0;
    // The app never says that it listens, so a crash is looked for: the exit code of its former life is none.
    await up(runtime, config, { plan, hooks: { ...idleHooks, appListening: () => new Promise<void>(() => {}) } });
    assert.deepEqual(docker.calls, ['start shop-a-1-pod', 'start shop-a-1-sidecar', 'start shop-a-1']);
    assert.equal((await runtime.observe())[0]?.app?.state, 'running');
  });

  it('ends a job whose image came again as it was, and does not judge how it ended', async () => {
    const { docker, runtime } = fresh('a:1');
    const build = { context: '/x', dockerfile: 'Dockerfile', args: {}, target: null, labels: {} };
    const config = meshConfig([oneContainer('job', 'a:1', null, { build })]);
    await up(runtime, config);
    docker.buildImage = async ({ tag }) => docker.images.get(tag)?.id ?? '';
    docker.endContainer('shop-job-1', 3);
    docker.calls.length = 0;
    await up(runtime, config, { plan: { build: true } });
    assert.deepEqual(docker.calls, ['stop shop-job-1-sidecar', 'stop shop-job-1-pod']);
  });

  it('stops at once when told, and the next run finishes', async () => {
    const { runtime } = fresh('a:1');
    const config = meshConfig([oneContainer('a', 'a:1', 80), oneContainer('b', 'a:1', 80)]);
    const abort = new AbortController();
    const reached = Promise.withResolvers<void>();
    const sidecarReady = () => {
      reached.resolve();
      return new Promise<void>(() => {});
    };
    const upping = up(runtime, config, { signal: abort.signal, hooks: { ...idleHooks, sidecarReady } });
    await reached.promise;
    abort.abort();
    await assert.rejects(upping, { name: 'AbortError' });
    await up(runtime, config);
    assert.deepEqual(
      (await runtime.observe()).map(pod => pod.app?.state),
      ['running', 'running'],
    );
  });

  it('refuses the same project from another folder', async () => {
    const { docker, runtime } = fresh('a:1');
    const config = meshConfig([oneContainer('a', 'a:1', 80)]);
    await up(runtime, config);
    const other = onBase(docker, { projectDir: '/elsewhere' });
    await assert.rejects(
      other.plan(config),
      error => error instanceof RuntimeError && error.code === 'project-taken' && error.message.includes(bundle.path),
    );
  });

  it('is not taken down from another folder, unless its own is gone', async () => {
    const { docker, runtime } = fresh('a:1');
    await up(runtime, meshConfig([oneContainer('a', 'a:1', 80)]));
    const quiet = { volumes: true, onProgress: () => {} };
    await assert.rejects(onBase(docker, { projectDir: '/elsewhere' }).down(quiet), { code: 'project-taken' });
    assert.equal((await runtime.observe()).length, 1);
    const gone = onBase(docker, { projectDir: '/gone', project: 'other' });
    await up(gone, meshConfig([oneContainer('b', 'a:1', 80)]));
    await onBase(docker, { projectDir: '/elsewhere', project: 'other' }).down(quiet);
    assert.equal((await gone.observe()).length, 0);
  });

  it('takes secrets from the environment, never into the container’s settings', async () => {
    const { docker } = fresh('a:1');
    const config = meshConfig(
      [
        oneContainer('a', 'a:1', 80, {
          ...script('cat /run/secrets/key; sleep 9'),
          mounts: [{ kind: 'secret', source: 'key', target: '/run/secrets/key' }],
        }),
      ],
      {
        secrets: [{ name: 'key', from: { kind: 'environment', variable: 'KEY' } }],
      },
    );
    await assert.rejects(up(onBase(docker), config), error => error instanceof RuntimeError && error.code === 'secret-missing');
    const runtime = onBase(docker, { env: { KEY: 'hunter2' } });
    await up(runtime, config);
    const request = {
      targets: ['a'],
      roles: ['app' as const],
      follow: false,
      since: '',
      tail: null,
      timestamps: false,
      signal: new AbortController().signal,
    };
    await eventually(async () => assert.equal(await text(runtime.logs(request)), 'hunter2'));
    assert.ok(!JSON.stringify(await docker.listContainers({})).includes('hunter2'));
    const rotated = onBase(docker, { env: { KEY: 'another' } });
    assert.deepEqual(
      (await rotated.plan(config)).operations.map(one => one.kind),
      ['recreate-pod'],
    );
  });

  it('tells of changes, and looks again after the engine came back', async () => {
    const { docker, runtime } = fresh('a:1');
    let changes = 0;
    const states: string[] = [];
    await using _watch = runtime.watch(
      () => (changes += 1),
      state => states.push(state),
    );
    await eventually(() => assert.equal(changes, 1));
    await up(runtime, meshConfig([oneContainer('a', 'a:1', 80)]));
    await eventually(() => assert.ok(changes > 1));
    docker.unreachable = true;
    docker.cutEvents();
    await eventually(() => assert.deepEqual(states, ['connected', 'lost']));
    docker.unreachable = false;
    const before = changes;
    await eventually(() => assert.ok(changes > before));
    assert.deepEqual(states, ['connected', 'lost', 'connected']);
  });
});
