/** Things that go wrong under a running bookshop, on a real engine. Story first: what breaks, what the users must see. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, describe, type TestContext, test } from 'node:test';
import { Bookshop } from '../support/bookshop.ts';
import { EngineProxy } from '../support/engine-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { images } from '../support/images.ts';
import type { MeshProject } from '../support/mesh-project.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import { stray } from '../support/stray.ts';
import { serviceLine, TinyMesh } from '../support/tiny-mesh.ts';

/** Far more than any of it takes; the figures that the story promises are told as diagnostics and held in bench/. */
const patience = { timeoutMs: 60_000, everyMs: 25 };
let shop: Bookshop;

/** Nobody else's, also when a run that was killed has left something behind. */
function projectName(name: string): string {
  return `e2e-${name}-${process.pid}`;
}

/** How long it takes until `check` holds, from now; told beside the test's name. */
async function timed(t: TestContext, what: string, check: () => Promise<unknown>): Promise<void> {
  const begin = performance.now();
  await eventually(check, { ...patience, what });
  t.diagnostic(`${what} after ${Math.round(performance.now() - begin)} ms`);
}

/** Container ids and start times: equal means that nothing was touched. */
async function lives(project: MeshProject): Promise<Record<string, string>> {
  const names = [...(await project.containers()).keys()].sort();
  const facts = await Promise.all(names.map(name => project.docker.getContainer(name).inspect()));
  return Object.fromEntries(facts.map(({ Name, Id, State }) => [Name, `${Id} ${State.StartedAt}`]));
}

async function startedAt(name: string): Promise<string> {
  const { State } = await shop.inspect(name);
  assert.equal(State.Running, true, name);
  return State.StartedAt;
}

async function detailsAnswer(): Promise<void> {
  assert.equal((await shop.book()).details.error, undefined);
}

async function detailsFail(): Promise<void> {
  assert.notEqual((await shop.book()).details.error, undefined);
}

/** As a debugger or a colleague would do it: the engine takes it for meant, and does not start it again. */
async function killByEngine(name: string): Promise<void> {
  await shop.docker.getContainer(`${shop.project}-${name}`).kill();
}

/** As a bug or the kernel's memory killer does it: the engine's restart policy starts it again. */
async function crash(name: string): Promise<void> {
  const { Pid } = (await shop.inspect(name)).State;
  const killed = await stray({ image: images.curl, network: 'none', pid: 'host', command: ['bash', '-c', `kill -9 ${Pid}`] });
  assert.equal(killed.code, 0, killed.output);
}

async function killDaemon(): Promise<number> {
  const { pid } = (await shop.status()).daemon;
  process.kill(pid, 'SIGKILL');
  await eventually(() => assert.throws(() => process.kill(pid, 0)), patience);
  return pid;
}

/** What a caller inside the storefront's pod gets from details: the status and the sidecar's reason. */
async function askDetails(): Promise<string> {
  const script = 'fetch("http://details:9080/health").then(a => console.log(a.status, a.headers.get("x-mesh-reason")))';
  return (await shop.mesh('exec', '-T', 'storefront', 'node', '-e', script)).stdout.trim();
}

async function up(project: MeshProject): Promise<void> {
  const { code, stdout, stderr } = await project.mesh('up', '-d', '--wait');
  assert.equal(code, 0, stdout + stderr);
}

before(async () => {
  shop = await Bookshop.create(projectName('faults'));
  await up(shop);
});

after(async () => {
  await shop?.[Symbol.asyncDispose]();
});

describe('sidecar', () => {
  for (const [how, kill] of [
    ['killed', killByEngine],
    ['crashed', crash],
  ] as const) {
    test(`${how}: its service is back without anybody doing anything, the others never noticed`, async t => {
      const before = await startedAt('details-1-sidecar');
      await using others = new SteadyLoad(2, async () => (await shop.book()).reviews.error ?? null);
      await others.more(10);
      await kill('details-1-sidecar');
      await timed(t, 'traffic back', async () => {
        assert.notEqual(await startedAt('details-1-sidecar'), before);
        await detailsAnswer();
      });
      await others.stop();
      assert.deepEqual(others.failures, []);
    });

    test(`${how} while the daemon is dead: fails closed, says why, and is back when the daemon is`, async t => {
      const address = (await shop.inspect('details-1-pod')).NetworkSettings.Networks[`${shop.project}_mesh`]?.IPAddress;
      await killDaemon();
      await kill('details-1-sidecar');
      await eventually(detailsFail, patience);
      await eventually(async () => assert.match(await askDetails(), /^503 upstream_reset_before_response_started/), patience);
      // Nothing comes past the dead sidecar, neither in …
      const call = await stray({
        image: images.curl,
        network: `${shop.project}_mesh`,
        command: ['curl', '-sS', '--max-time', '5', `http://${address}:9080/health`],
      });
      assert.notEqual(call.code, 0, call.output);
      // … nor out.
      const script = 'import socket; socket.create_connection(("ratings", 9080), 5)';
      const out = await shop.mesh('exec', '-T', 'details', 'python3', '-c', script);
      assert.notEqual(out.code, 0, 'the app got out');
      const status = await shop.mesh('status');
      assert.equal(status.code, 1);
      assert.match(status.stderr, /the daemon of .* is gone/);
      assert.match(status.stderr, /mesh -p \S+ up/);
      await using start = shop.start('up', '-d', '--wait');
      await eventually(detailsAnswer, patience);
      const back = Date.now();
      const { code, stderr } = await start.exited();
      assert.equal(code, 0, stderr);
      const since = Date.parse((await shop.status()).daemon.startedAt);
      t.diagnostic(`traffic back ${back - since} ms after the daemon's start`);
    });
  }
});

describe('pod', () => {
  test('pause container killed: the pod is repaired', async t => {
    const before = await startedAt('details-1-pod');
    await killByEngine('details-1-pod');
    await timed(t, 'pod repaired', async () => {
      assert.notEqual(await startedAt('details-1-pod'), before);
      await detailsAnswer();
    });
    const { workloads } = await shop.status();
    const details = workloads.find(item => item.name === 'details-1');
    assert.deepEqual([details?.pause?.state, details?.sidecar?.state, details?.app?.state], ['running', 'running', 'running']);
  });

  test('app crashed: callers get 503 with a reason, and it is back', async t => {
    const before = await startedAt('details-1');
    await using load = new SteadyLoad(2, async () => {
      const { details } = await shop.book();
      return details.error === undefined || details.error === 'details answered 503' ? null : details.error;
    });
    await crash('details-1');
    await timed(t, 'traffic back', async () => {
      assert.notEqual(await startedAt('details-1'), before);
      await detailsAnswer();
    });
    await load.stop();
    assert.deepEqual(load.failures, []);
  });
});

describe('daemon', () => {
  test('killed -9 under load: no request fails, and the next up adopts every container as it is', async t => {
    const before = await lives(shop);
    await using load = new SteadyLoad(3, async () => {
      const book = await shop.book();
      return book.details.error ?? book.reviews.error ?? null;
    });
    await load.more(50);
    const pid = await killDaemon();
    await load.more(100);
    await timed(t, 'all adopted', () => up(shop));
    await load.more(100);
    await load.stop();
    assert.deepEqual(load.failures, []);
    assert.deepEqual(await lives(shop), before);
    const status = await shop.status();
    assert.notEqual(status.daemon.pid, pid);
    for (const { name, proxy } of status.workloads) assert.equal(proxy?.state, 'SYNCED', name);
  });

  test('edits made while it was dead are in effect after the next up', async () => {
    await killDaemon();
    await shop.edit(text => text.replace(/split: \{v1: \d+, v3: \d+\}/, 'split: {v1: 0, v3: 100}'));
    await up(shop);
    await eventually(async () => assert.equal((await shop.book()).reviews.version, 'v3'), patience);
  });
});

describe('start-up', () => {
  test('no engine: what was tried is said', async () => {
    await using away = await TinyMesh.create(projectName('noengine'));
    const start = await away.meshWith({ DOCKER_HOST: 'unix:///nonexistent/docker.sock' }, 'up', '-d');
    assert.equal(start.code, 1, start.stderr);
    assert.match(start.stderr, /Tried:\n.*\/nonexistent\/docker\.sock/);
    assert.doesNotMatch(start.stderr, /\n\s+at /);
  });

  test('an image that may not be fetched, or cannot be, is named, and nothing is made', async () => {
    const ghost = '  ghost: {image: "localhost:1/no/such:image", port: 7001}\n';
    await using missing = await TinyMesh.create(projectName('noimage'), ghost);
    const refused = async (): Promise<void> => {
      const start = await missing.mesh('up', '-d', '--wait');
      assert.equal(start.code, 1, start.stdout + start.stderr);
      assert.match(start.stderr, /localhost:1\/no\/such:image/);
      assert.doesNotMatch(start.stderr, /\n\s+at /);
      assert.equal((await missing.containers()).size, 0);
    };
    await refused();
    await missing.edit(text => text.replace(ghost, ghost.replace('}', ', pull_policy: never}')));
    await refused();
  });

  test('a port that is taken is named with its owner, nothing is made, and up works once it is free', async () => {
    await using taken = await TinyMesh.create(projectName('port'));
    const refused = async (owner: RegExp): Promise<void> => {
      const start = await taken.mesh('up', '-d', '--wait');
      assert.equal(start.code, 1, start.stdout + start.stderr);
      assert.match(start.stderr, new RegExp(`\\b${taken.gatewayPort}\\b`));
      assert.match(start.stderr, owner);
      assert.equal((await taken.containers()).size, 0);
    };
    const squatter = createServer().listen(taken.gatewayPort, '127.0.0.1');
    await once(squatter, 'listening');
    await refused(new RegExp(`pid ${process.pid}\\b`));
    squatter.close();
    await once(squatter, 'close');
    const container = await taken.docker.createContainer({
      name: `${taken.project}-squatter`,
      Image: images.redis,
      ExposedPorts: { '6379/tcp': {} },
      HostConfig: { PortBindings: { '6379/tcp': [{ HostIp: '127.0.0.1', HostPort: String(taken.gatewayPort) }] } },
    });
    try {
      await container.start();
      await refused(new RegExp(`container ${taken.project}-squatter`));
    } finally {
      await container.remove({ force: true, v: true });
    }
    await up(taken);
    assert.equal((await taken.get('/')).body, 'hello');
  });

  test('an app that crashes at once fails up with its exit code and its last words', async () => {
    const script = 'console.error("out of tea"); process.exit(3)';
    await using broken = await TinyMesh.create(projectName('crash'), serviceLine('broken', 7001, script));
    const start = await broken.mesh('up', '-d', '--wait');
    assert.equal(start.code, 1, start.stdout + start.stderr);
    assert.match(start.stderr, /broken-1 ended at once with exit code 3\b/);
    assert.match(start.stderr, /out of tea/);
    const down = await broken.mesh('down', '-v');
    assert.equal(down.code, 0, down.stderr);
    assert.equal((await broken.containers()).size, 0);
  });

  test('an app that is slow to listen is waited for, by up and by those that depend on it; callers are told', async t => {
    // It listens when it is told to: as slow as the test likes.
    const script =
      'process.on("SIGUSR2",()=>require("http").createServer((q,a)=>a.end("at last")).listen(7001));setInterval(()=>{},1e6);console.log("asleep")';
    const late = `, depends_on: {slow: {condition: service_healthy}}`;
    const services =
      serviceLine('slow', 7001, script) + serviceLine('late', 7002, 'require("http").createServer().listen(7002)', late);
    await using mesh = await TinyMesh.create(projectName('slow'), services);
    await mesh.edit(text => text.replace('to: hello', 'to: slow'));
    await using start = mesh.start('up', '-d', '--wait');
    await eventually(async () => {
      const { status, headers } = await mesh.get('/');
      assert.deepEqual([status, headers.get('x-mesh-reason')], [503, 'no_healthy_upstream']);
    }, patience);
    await eventually(async () => assert.match((await mesh.mesh('logs', 'slow')).stdout, /asleep/), patience);
    assert.equal((await mesh.containers()).has(`${mesh.project}-late-1`), false, 'what depends on it was started');
    assert.equal(start.child.exitCode, null, start.stderr);
    await mesh.docker.getContainer(`${mesh.project}-slow-1`).kill({ signal: 'SIGUSR2' });
    await timed(t, 'seen', async () => assert.equal((await mesh.get('/')).body, 'at last'));
    const { code, stderr } = await start.exited();
    assert.equal(code, 0, stderr);
    assert.equal((await mesh.inspect('late-1')).State.Running, true);
  });
});

describe('Ctrl-C', () => {
  /** `late` waits for ever: whatever is asked of `up`, it is under way. */
  const stuck =
    serviceLine('slow', 7001, 'setInterval(()=>{},1e6)') +
    serviceLine('late', 7002, '', ', depends_on: {slow: {condition: service_healthy}}');

  for (const [args, code] of [
    [['up'], 0],
    [['up', '-d', '--wait'], 130],
  ] as const) {
    test(`during ${args.join(' ')} stops what was made and ends with ${code}; up goes on from there`, async () => {
      await using mesh = await TinyMesh.create(projectName('ctrlc'), stuck);
      await using start = mesh.start(...args);
      await eventually(async () => assert.equal((await mesh.inspect('slow-1')).State.Running, true), patience);
      start.child.kill('SIGINT');
      const ended = await start.exited();
      assert.equal(ended.code, code, ended.stderr);
      assert.doesNotMatch(ended.stderr, /\n\s+at /);
      for (const [name, { State }] of await mesh.containers()) assert.notEqual(State, 'running', name);
      assert.equal((await mesh.mesh('status')).code, 1);
      await mesh.edit(text => text.replace(stuck, ''));
      await up(mesh);
      assert.equal((await mesh.get('/')).body, 'hello');
      assert.deepEqual(
        (await mesh.status()).workloads.map(item => item.name),
        ['hello-1', 'web-1'],
      );
    });
  }

  test('on an attached up that serves ends it with 0', async () => {
    await using mesh = await TinyMesh.create(projectName('attached'));
    await using start = mesh.start('up');
    await eventually(async () => assert.equal((await mesh.get('/')).body, 'hello'), patience);
    start.child.kill('SIGINT');
    assert.equal((await start.exited()).code, 0, start.stderr);
    for (const [name, { State }] of await mesh.containers()) assert.notEqual(State, 'running', name);
  });
});

describe('engine', () => {
  test('lost while the mesh runs: traffic and edits go on, status says so, and repairs are made once it is back', async t => {
    await using engine = await EngineProxy.start();
    const other = serviceLine('other', 7001, 'require("http").createServer((q,a)=>a.end("other")).listen(7001)');
    await using mesh = await TinyMesh.create(projectName('lost'), other);
    try {
      const start = await mesh.meshWith({ DOCKER_HOST: engine.host }, 'up', '-d', '--wait');
      assert.equal(start.code, 0, start.stderr);
      await engine.close();
      await eventually(async () => assert.equal((await mesh.status()).engine.state, 'lost'), patience);
      assert.equal((await mesh.get('/')).body, 'hello');
      await mesh.edit(text => text.replace('to: hello', 'to: other'));
      await eventually(async () => assert.equal((await mesh.get('/')).body, 'other'), patience);
      await mesh.docker.getContainer(`${mesh.project}-other-1-sidecar`).kill();
      await eventually(async () => assert.equal((await mesh.get('/')).status, 503), patience);
    } finally {
      await engine.open();
    }
    await timed(t, 'repaired', async () => assert.equal((await mesh.get('/')).body, 'other'));
    assert.equal((await mesh.status()).engine.state, 'connected');
  });
});

describe('two copies of one folder', () => {
  test('run side by side under different names and know nothing of each other', async () => {
    await using one = await TinyMesh.create(projectName('one'));
    await using two = await one.copy(projectName('two'));
    await Promise.all([up(one), up(two)]);
    assert.equal((await one.get('/')).body, 'hello');
    assert.equal((await two.get('/')).body, 'hello');
    const before = await lives(one);
    const down = await two.mesh('down', '-v');
    assert.equal(down.code, 0, down.stderr);
    assert.equal((await two.containers()).size, 0);
    assert.deepEqual(await lives(one), before);
    assert.equal((await one.get('/')).body, 'hello');
    assert.equal((await one.status()).daemon.phase, 'running');
  });
});
