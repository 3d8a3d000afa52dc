/** The daemon on an engine in memory: what a save, a crash and a lost engine come to. */
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { MeshError } from '../../src/api/mesh-error.ts';
import type { MeshConfig } from '../../src/config/mesh-config.ts';
import { gatewayConfig, meshConfig, oneContainer } from '../runtime/configs.ts';
import { bundleFolder, testRuntime } from '../runtime/test-runtime.ts';
import { eventually } from '../support/eventually.ts';
import { FakeDocker } from '../support/fake-docker.ts';
import { mistake, TestDaemon } from './test-daemon.ts';

let bundle: Awaited<ReturnType<typeof bundleFolder>>;
before(async () => {
  bundle = await bundleFolder();
});
after(() => bundle.remove());

const shop = (...names: readonly string[]): MeshConfig => meshConfig(names.map(name => oneContainer(name, 'a:1', 80)));

function start(config: MeshConfig, docker = new FakeDocker()): { docker: FakeDocker; mesh: TestDaemon } {
  for (const image of ['node:24', 'a:1']) if (!docker.images.has(image)) docker.addImage(image);
  const sidecar = { bundleDir: bundle.path, nodeBinary: null, baseImage: 'node:24', uid: 1337, controlPort: 15012 };
  return { docker, mesh: new TestDaemon(testRuntime(docker, 'shop', bundle.path, { sidecar }), config) };
}

async function ready(mesh: TestDaemon): Promise<void> {
  await eventually(() => assert.equal(mesh.of('ready').length, 1));
}

const created = (docker: FakeDocker): readonly string[] => docker.calls.filter(call => call.startsWith('create '));

/** The same services with another rule for `a`: nothing that a container is made from. */
function withTimeout(config: MeshConfig, timeoutMs: number): MeshConfig {
  const rule = { name: 'a', matches: [], action: { kind: 'forward' as const, split: [] }, timeoutMs, retry: null };
  return {
    ...config,
    services: config.services.map(service => (service.name === 'a' ? { ...service, routes: [rule] } : service)),
  };
}

describe('start', () => {
  test('makes what the configuration asks for and says where it is', async () => {
    const { mesh } = start({ ...shop('a'), gateways: [gatewayConfig('web', 8080)] });
    await using _ = mesh;
    await ready(mesh);
    const status = await mesh.daemon.status();
    assert.equal(status.daemon.phase, 'running');
    assert.deepEqual(status.gateways, [{ name: 'web', url: 'http://127.0.0.1:8080' }]);
    assert.deepEqual(
      status.workloads.map(each => each.name),
      ['a-1', 'web-1'],
    );
    assert.equal(mesh.control.pods.length, 2);
  });

  test('that fails ends the daemon with the reason and touches nothing more', async () => {
    const { docker, mesh } = start(meshConfig([oneContainer('a', 'missing:1', 80, { pullPolicy: 'never' })]));
    await assert.rejects(mesh.daemon.ended, /missing:1/);
    assert.deepEqual(created(docker), []);
    assert.equal(mesh.released, false);
    assert.ok(mesh.control.closed);
    assert.match(mesh.of('phase').at(-1)?.reason ?? '', /missing:1/);
  });

  test('over a mesh that runs adopts it: nothing is created or started', async () => {
    const first = start(shop('a', 'b'));
    await ready(first.mesh);
    await first.mesh.daemon.stop({ containers: false });
    first.docker.calls.length = 0;
    const second = start(shop('a', 'b'), first.docker);
    await using mesh = second.mesh;
    await ready(mesh);
    assert.deepEqual(
      first.docker.calls.filter(call => /^(create|start|stop|kill|remove)/.test(call)),
      [],
    );
    assert.equal(mesh.control.pods.length, 2);
  });
});

describe('a port that only the image tells', () => {
  const cache = meshConfig([oneContainer('cache', 'redis:7', null)], {
    gateways: [{ ...gatewayConfig('web', 8080), routes: [] }],
  });
  const portsOf = (config: MeshConfig | undefined) => config?.services.map(one => one.ports.map(port => port.port));

  test('of an image that is there is known from the first configuration on', async () => {
    const docker = new FakeDocker();
    docker.addImage('redis:7', { exposedPorts: [6379] });
    await using mesh = start(cache, docker).mesh;
    await ready(mesh);
    assert.deepEqual(portsOf(mesh.control.configs[0]), [[6379]]);
    const { config, text } = await mesh.daemon.config();
    assert.deepEqual(portsOf(config), [[6379]]);
    assert.match(text, /^name: .*\n(?:.*\n)* {6}- port: 6379$/m);
    assert.deepEqual(mesh.of('warning'), []);
  });

  test('of an image that is pulled first is known before a pod is made, and kept by a reload', async () => {
    const docker = new FakeDocker();
    docker.pullImage = async ref => {
      docker.addImage(ref, { exposedPorts: [6379] });
      docker.calls.push('pulled');
    };
    const known: unknown[] = [];
    const create = docker.createContainer.bind(docker);
    const { mesh } = start(cache, docker);
    docker.createContainer = (name, body) => {
      if (name.startsWith('shop-')) known.push(portsOf(mesh.control.configs.at(-1)));
      return create(name, body);
    };
    await using _ = mesh;
    await ready(mesh);
    assert.ok(docker.calls.includes('pulled'));
    assert.deepEqual(known, Array(known.length).fill([[6379]]));
    assert.ok(known.length > 2);
    mesh.save({ ...cache, egress: 'registry-only' });
    await eventually(() => assert.equal(mesh.control.configs.at(-1)?.egress, 'registry-only'));
    assert.deepEqual(portsOf(mesh.control.configs.at(-1)), [[6379]]);
  });

  test('that is known nowhere is told, once, where a rule leads to it', async () => {
    const split = [{ service: 'a', version: '', port: null, weight: 1 }];
    const routes = [
      { name: 'r', matches: [], action: { kind: 'forward' as const, split }, timeoutMs: null, retry: null, hosts: [] },
    ];
    const config = meshConfig([oneContainer('a', 'a:1', null)], { gateways: [{ ...gatewayConfig('web', 8080), routes }] });
    await using mesh = start(config).mesh;
    await ready(mesh);
    assert.match(mesh.of('warning')[0]?.message ?? '', /which port a listens on/);
    mesh.save({ ...config, services: [...config.services, oneContainer('b', 'a:1', 80)] });
    await eventually(() => assert.equal(mesh.of('reload').length, 1));
    assert.equal(mesh.of('warning').length, 1);
  });
});

describe('a save', () => {
  test('that changes routing only touches no container', async () => {
    const { docker, mesh } = start(shop('a'));
    await using _ = mesh;
    await ready(mesh);
    docker.calls.length = 0;
    mesh.save(withTimeout(shop('a'), 500));
    await eventually(() => assert.equal(mesh.of('reload').at(-1)?.result.kind, 'routing'));
    assert.deepEqual(docker.calls, []);
    assert.equal(mesh.control.configs.at(-1)?.services[0]?.routes[0]?.timeoutMs, 500);
    assert.match(mesh.of('reload').at(-1)?.result.summary ?? '', /1 route changed, acked by 1 sidecar in \d+ ms/);
  });

  test('that changes routing only works while the engine is away', async () => {
    const { docker, mesh } = start(shop('a'));
    await using _ = mesh;
    await ready(mesh);
    docker.unreachable = true;
    mesh.save(withTimeout(shop('a'), 500));
    await eventually(() => assert.equal(mesh.of('reload').at(-1)?.result.ok, true));
    docker.unreachable = false;
  });

  test('that adds and removes services makes and removes their pods only', async () => {
    const { docker, mesh } = start(shop('a'));
    await using _ = mesh;
    await ready(mesh);
    docker.calls.length = 0;
    mesh.save(shop('a', 'b'));
    await eventually(() => assert.equal(mesh.of('reload').at(-1)?.result.kind, 'services'));
    assert.ok(created(docker).every(call => call.startsWith('create shop-b-1')));
    mesh.save(shop('a'));
    await eventually(async () =>
      assert.deepEqual(
        (await mesh.daemon.status()).workloads.map(each => each.name),
        ['a-1'],
      ),
    );
    assert.ok(docker.calls.filter(call => call.startsWith('remove')).every(call => call.startsWith('remove shop-b-1')));
  });

  test('with a mistake keeps the last good configuration and says so until it is mended', async () => {
    const { mesh } = start(shop('a'));
    await using _ = mesh;
    await ready(mesh);
    mesh.save(mistake);
    await eventually(() => assert.equal(mesh.of('reload').at(-1)?.result.ok, false));
    const bad = await mesh.daemon.status();
    assert.equal(bad.config.diagnostics[0]?.text, mistake.text);
    assert.equal(bad.config.lastReload?.kind, 'rejected');
    assert.equal(mesh.control.configs.length, 1);
    assert.match(await text(mesh.daemon.metrics()), /config_last_reload_ok 0/);
    mesh.save(shop('a'));
    await eventually(() => assert.equal(mesh.of('reload').at(-1)?.result.ok, true));
    assert.deepEqual((await mesh.daemon.status()).config.diagnostics, []);
    assert.match(await text(mesh.daemon.metrics()), /config_last_reload_ok 1/);
  });

  test('that cannot be carried out is taken back whole', async () => {
    const { mesh } = start(shop('a'));
    await using _ = mesh;
    await ready(mesh);
    mesh.save({
      ...shop('a'),
      services: [...shop('a').services, oneContainer('ghost', 'missing:1', 80, { pullPolicy: 'never' })],
    });
    await eventually(() => assert.equal(mesh.of('reload').at(-1)?.result.ok, false));
    assert.match(mesh.of('warning').at(-1)?.message ?? '', /missing:1/);
    assert.deepEqual(
      (await mesh.daemon.config()).config.services.map(each => each.name),
      ['a'],
    );
    assert.equal((await mesh.daemon.status()).daemon.phase, 'running');
  });

  test('shows as under way until it is over', async () => {
    const { docker, mesh } = start(shop('a'));
    const pulled = Promise.withResolvers<void>();
    docker.pullImage = async ref => {
      await pulled.promise;
      docker.addImage(ref);
    };
    await using _ = mesh;
    await ready(mesh);
    assert.equal((await mesh.daemon.status()).config.reloading, undefined);
    mesh.save({ ...shop('a'), services: [...shop('a').services, oneContainer('b', 'slow:1', 80)] });
    await eventually(async () => assert.equal((await mesh.daemon.status()).config.reloading, true));
    pulled.resolve();
    await eventually(async () => {
      const { reloading, lastReload } = (await mesh.daemon.status()).config;
      assert.deepEqual([reloading, lastReload?.kind], [undefined, 'services']);
    });
  });

  test('that could not be carried out and is undone is told as mended', async () => {
    const { docker, mesh } = start(shop('a'));
    docker.pullImage = async () => {
      throw new MeshError('image-pull', 'registry.invalid/x:1 cannot be pulled: no such host', 'check the name');
    };
    await using _ = mesh;
    await ready(mesh);
    mesh.save({ ...shop('a'), services: [...shop('a').services, oneContainer('ghost', 'registry.invalid/x:1', 80)] });
    await eventually(() => assert.equal(mesh.of('reload').at(-1)?.result.ok, false));
    assert.match(
      mesh.of('reload').at(-1)?.result.summary ?? '',
      /cannot be pulled: no such host; the last good configuration keeps serving$/,
    );
    mesh.save(shop('a'));
    await eventually(() => assert.equal(mesh.of('reload').at(-1)?.result.ok, true));
    const { lastReload } = (await mesh.daemon.status()).config;
    assert.deepEqual(
      [lastReload?.ok, lastReload?.kind, lastReload?.summary],
      [true, 'none', 'mended, the rules in force are the same'],
    );
    assert.match(await text(mesh.daemon.metrics()), /config_last_reload_ok 1/);
  });

  test('during a slow start takes its place', async () => {
    const slow = Promise.withResolvers<void>();
    const { mesh } = start(shop('a'));
    mesh.control.listening = slow.promise;
    await using _ = mesh;
    await eventually(() => assert.equal(mesh.control.pods.length, 1));
    mesh.save(shop('a', 'b'));
    slow.resolve();
    await ready(mesh);
    await eventually(async () =>
      assert.deepEqual(
        (await mesh.daemon.status()).workloads.map(each => each.name),
        ['a-1', 'b-1'],
      ),
    );
  });

  test('under another name is refused', async () => {
    const { mesh } = start(shop('a'));
    await using _ = mesh;
    await ready(mesh);
    mesh.save({ ...shop('a'), name: 'other' });
    await eventually(() => assert.match(mesh.of('diagnostics').at(-1)?.diagnostics[0]?.text ?? '', /name/));
    assert.equal((await mesh.daemon.status()).project, shop('a').name);
  });
});

describe('faults', () => {
  test('a sidecar that died is started again, and it is told', async () => {
    const { docker, mesh } = start(shop('a'));
    await using _ = mesh;
    await ready(mesh);
    docker.endContainer('shop-a-1-sidecar', 137);
    await eventually(async () => assert.equal((await mesh.daemon.status()).workloads[0]?.sidecar?.state, 'running'));
    await eventually(() => assert.ok(mesh.of('workload').some(event => event.workload === 'a-1' && event.text.includes('137'))));
  });

  test('a pod that somebody removed is made again', async () => {
    const { docker, mesh } = start(shop('a'));
    await using _ = mesh;
    await ready(mesh);
    for (const part of ['shop-a-1', 'shop-a-1-sidecar', 'shop-a-1-pod']) await docker.removeContainer(part);
    await eventually(async () => {
      const [pod] = (await mesh.daemon.status()).workloads;
      assert.equal(pod?.app?.state, 'running');
      assert.equal(pod.sidecar?.state, 'running');
    });
  });

  test('a lost engine is told and is no reason to end', async () => {
    const { docker, mesh } = start(shop('a'));
    await using _ = mesh;
    await ready(mesh);
    docker.unreachable = true;
    docker.cutEvents();
    await eventually(async () => assert.equal((await mesh.daemon.status()).engine.state, 'lost'));
    docker.unreachable = false;
    await eventually(async () => assert.equal((await mesh.daemon.status()).engine.state, 'connected'));
    assert.deepEqual(
      mesh.of('engine').map(event => event.state),
      ['lost', 'connected'],
    );
  });
});

describe('the end', () => {
  test('stop with containers stops them all', async () => {
    const { mesh } = start(shop('a'));
    await ready(mesh);
    await mesh.daemon.stop({ containers: true });
    await mesh.daemon.ended;
    assert.equal(mesh.released, false);
    assert.ok(mesh.control.closed);
  });

  test('down removes everything and says so', async () => {
    const { docker, mesh } = start(shop('a'));
    await ready(mesh);
    await mesh.daemon.down({ volumes: false }, () => undefined);
    await mesh.daemon.ended;
    assert.equal(mesh.released, true);
    assert.deepEqual(await docker.listContainers({}), []);
  });

  test('a down or stop that the engine refuses ends the daemon all the same, and the record stays for the next', async () => {
    for (const end of ['down', 'stop'] as const) {
      const { docker, mesh } = start(shop('a'));
      await ready(mesh);
      docker.unreachable = true;
      const ending =
        end === 'down' ? mesh.daemon.down({ volumes: false }, () => undefined) : mesh.daemon.stop({ containers: true });
      await assert.rejects(ending, { code: 'engine-unreachable' });
      await mesh.daemon.ended;
      assert.equal(mesh.released, false);
    }
  });

  test('stop during a slow start gives up waiting', async () => {
    const { mesh } = start(shop('a'));
    mesh.control.listening = new Promise(() => undefined);
    await eventually(() => assert.equal(mesh.control.pods.length, 1));
    await mesh.daemon.stop({ containers: true });
    await mesh.daemon.ended;
  });

  test('a query about an unknown workload names the known ones', async () => {
    const { mesh } = start(shop('a'));
    await using _ = mesh;
    await ready(mesh);
    await assert.rejects(
      mesh.daemon.query('nobody', 'config'),
      error => error instanceof Error && 'hint' in error && String(error.hint).includes('a-1'),
    );
  });
});
