/** The runtime on a real engine, with a sidecar that only waits: what only real containers can show. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import type { ContainerConfig, MeshConfig } from '../../src/config/mesh-config.ts';
import { appBody } from '../../src/runtime/app-body.ts';
import type { Docker, LogChunk } from '../../src/runtime/docker.ts';
import { connectDocker } from '../../src/runtime/dockerode-adapter.ts';
import { labelKeys } from '../../src/runtime/labels.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { ContainerFailed, PortTaken, RuntimeError } from '../../src/runtime/runtime-error.ts';
import { hasBusybox, importBusybox } from '../support/busybox-image.ts';
import { engineJson } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { containerConfig, gatewayConfig, meshConfig, oneContainer } from './configs.ts';
import { bundleFolder, idleHooks, testRuntime, up } from './test-runtime.ts';

const project = `meshrt${process.pid}`;
const image = `${project}-busybox:1`;
const docker = await connectDocker({
  env: process.env,
  home: process.env['HOME'] ?? '/',
  platform: process.platform,
  uid: process.getuid?.() ?? null,
}).catch(() => null);
const skip = docker === null || !(await hasBusybox()) ? 'needs a Docker engine and /bin/busybox' : false;
const serve = {
  command: ['/bin/busybox', 'sh', '-c', 'trap "exit 0" TERM; echo serving; while :; do /bin/busybox sleep 0.1; done'],
};
const never = new AbortController().signal;
/** A port that is free now. */
const gatewayPort = await new Promise<number>(resolve => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const address = server.address();
    server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
  });
});
const quiet = { tty: false, user: null, workingDir: null, environment: {}, stdin: null, onOutput: () => {}, signal: never };

describe('the runtime on a real engine', { skip }, () => {
  let bundle: Awaited<ReturnType<typeof bundleFolder>>;
  let engine: Docker;
  let runtime: Runtime;
  const made: string[] = [];

  before(async () => {
    assert.ok(docker !== null);
    engine = docker;
    bundle = await bundleFolder();
    runtime = testRuntime(engine, project, bundle.path);
    await importBusybox(engine, image);
  });

  after(async () => {
    await runtime.down({ volumes: true, onProgress: () => {} });
    for (const ref of [...made, image]) await engine.removeImage(ref);
    await bundle.remove();
  });

  const bring = async (config: MeshConfig) => {
    const plan = await runtime.plan(config);
    made.push(...plan.operations.filter(one => one.kind === 'make-sidecar-image').map(one => one.target));
    return up(runtime, config);
  };
  const shop = () =>
    meshConfig(
      [
        oneContainer('db', image, 6379, {
          ...serve,
          mounts: [{ kind: 'volume', source: 'data', target: '/data', readOnly: false }],
        }),
        oneContainer('job', image, null, {
          command: ['/bin/busybox', 'sh', '-c', 'echo migrated; exit 0'],
          dependsOn: [{ service: 'db', version: '', condition: 'service_started', required: true }],
        }),
      ],
      {
        gateways: [gatewayConfig('web', gatewayPort)],
        volumes: [{ name: 'data', engineName: `${project}_data`, external: false, driver: null, driverOpts: {} }],
      },
    );
  const podOf = async (workload: string) => {
    const pod = (await runtime.observe()).find(one => one.workload === workload);
    assert.ok(pod?.pause && pod.sidecar);
    return { ...pod, pause: pod.pause, sidecar: pod.sidecar };
  };

  it('brings a project up, leaves it alone the second time, and ends its job', async () => {
    await bring(shop());
    await eventually(async () => assert.equal((await podOf('job-1')).app?.state, 'exited'));
    assert.deepEqual(
      (await runtime.plan(shop())).operations.map(one => `${one.kind} ${one.target}`),
      ['stop-pod job-1'],
    );
    await bring(shop());
    assert.deepEqual((await runtime.plan(shop())).operations, []);
    const db = await podOf('db-1');
    assert.match(db.address ?? '', /^\d+\.\d+\.\d+\.\d+$/);
    assert.ok((db.controlPort ?? 0) > 0);
    assert.match(await runtime.readSidecarLog(db.sidecar.id, db.sidecar.startedAt), /sidecar up/);
  });

  it('gives the sidecar only what it needs, and lists pods as compose services', async () => {
    const db = await podOf('db-1');
    const output: string[] = [];
    const status = {
      command: ['/bin/node', '-p', 'require("fs").readFileSync("/proc/1/status", "utf8")'],
      tty: false,
      user: null,
      workingDir: null,
      environment: {},
      stdin: null,
      signal: never,
    };
    await engine.exec(db.sidecar.id, { ...status, onOutput: chunk => output.push(chunk.data.toString()) });
    const capabilities = (1 << 6) | (1 << 7) | (1 << 12); // SETGID, SETUID, NET_ADMIN
    assert.match(output.join(''), new RegExp(`CapBnd:\\s+0*${capabilities.toString(16)}\\n`));
    assert.match(output.join(''), /NoNewPrivs:\s+1/);
    const listed = await engine.listContainers({ 'com.docker.compose.project': project, 'com.docker.compose.oneoff': 'False' });
    assert.deepEqual(listed.map(one => one.labels['com.docker.compose.service']).sort(), ['db', 'job', 'web']);
  });

  it('shares one network namespace in the pod', async () => {
    const db = await podOf('db-1');
    const namespaceOf = async (id: string, ...command: string[]) => {
      let text = '';
      await engine.exec(id, {
        command,
        tty: false,
        user: null,
        workingDir: null,
        environment: {},
        stdin: null,
        onOutput: chunk => (text += chunk.data.toString()),
        signal: never,
      });
      return /net:\[\d+\]/.exec(text)?.[0];
    };
    const inSidecar = await namespaceOf(db.sidecar.id, '/bin/node', '-p', 'require("fs").readlinkSync("/proc/self/ns/net")');
    assert.ok(inSidecar !== undefined);
    assert.equal(await namespaceOf(db.app?.id ?? '', '/bin/busybox', 'readlink', '/proc/self/ns/net'), inSidecar);
  });

  it('repairs a pod whose network container was killed, and a sidecar that was', async () => {
    const before = await podOf('db-1');
    await engine.killContainer(before.pause.id);
    assert.deepEqual((await runtime.plan(shop())).operations, [
      { kind: 'repair-pod', target: 'db-1', cause: 'its network container stopped' },
    ]);
    await bring(shop());
    const repaired = await podOf('db-1');
    assert.deepEqual(
      [repaired.pause.id, repaired.sidecar.id, repaired.app?.id],
      [before.pause.id, before.sidecar.id, before.app?.id],
    );
    assert.ok((repaired.app?.startedAt ?? '') > before.sidecar.startedAt);
    assert.deepEqual((await runtime.plan(shop())).operations, []);
    await engine.killContainer(repaired.sidecar.id);
    assert.deepEqual((await runtime.plan(shop())).operations, [{ kind: 'repair-pod', target: 'db-1', cause: 'sidecar stopped' }]);
    await bring(shop());
    assert.equal((await podOf('db-1')).app?.startedAt, repaired.app?.startedAt);
  });

  it('lets the engine restart a sidecar that dies by itself', async () => {
    const { sidecar } = await podOf('db-1');
    // A signal that process 1 does not catch yet is lost: wait until /proc says that it does (bit 11 is SIGUSR2).
    const caught = 'BigInt("0x" + /SigCgt:\\s*(\\w+)/.exec(require("fs").readFileSync("/proc/1/status", "utf8"))[1]) & 0x800n';
    const script = `while (!(${caught})); process.kill(1, "SIGUSR2")`;
    await engine.exec(sidecar.id, { ...quiet, command: ['/bin/node', '-e', script] });
    await eventually(async () => {
      const now = (await podOf('db-1')).sidecar;
      assert.equal(now.state, 'running');
      assert.notEqual(now.startedAt, sidecar.startedAt);
    });
  });

  it('restarts an app alone, and runs a command in it', async () => {
    const before = await podOf('db-1');
    await runtime.restart(['db'], { signal: never });
    const now = await podOf('db-1');
    assert.equal(now.sidecar.startedAt, before.sidecar.startedAt);
    assert.notEqual(now.app?.startedAt, before.app?.startedAt);
    const exit = {
      tty: false,
      user: null,
      workingDir: null,
      environment: { CODE: '5' },
      stdin: null,
      onOutput: () => {},
      signal: never,
    };
    assert.equal(await runtime.exec('db', { ...exit, command: ['/bin/busybox', 'sh', '-c', 'exit $CODE'] }), 5);
  });

  it('gives a command its input, and a terminal of the size asked for', async () => {
    const output = { text: '' };
    const onOutput = ({ data }: LogChunk) => {
      output.text += data.toString();
    };
    await runtime.exec('db-1', {
      ...quiet,
      command: ['/bin/busybox', 'cat'],
      stdin: Readable.from(['over ', 'there']),
      onOutput,
    });
    assert.equal(output.text, 'over there');
    output.text = '';
    const wait = [
      '/bin/busybox',
      'sh',
      '-c',
      'until [ "$(/bin/busybox stty size)" = "40 100" ]; do /bin/busybox sleep 0.05; done; [ -t 0 ] && echo a terminal',
    ];
    const resized = {
      ...quiet,
      tty: true,
      stdin: new PassThrough(),
      command: wait,
      onOutput,
      onResizable: (resize: (columns: number, rows: number) => void) => resize(100, 40),
    };
    assert.equal(await runtime.exec('db-1', resized), 0);
    assert.match(output.text, /a terminal/);
    const abort = new AbortController();
    const endless = runtime.exec('db-1', {
      ...quiet,
      command: ['/bin/busybox', 'sh', '-c', 'echo on; /bin/busybox sleep 20'],
      signal: abort.signal,
      onOutput: () => abort.abort(),
    });
    await assert.rejects(endless, { name: 'AbortError' });
    await assert.rejects(runtime.exec('absent', { ...quiet, command: ['x'] }), /Nothing named absent runs/);
  });

  it('stops all, and starts it again where it was', async () => {
    const before = await podOf('db-1');
    await runtime.stop({ signal: never });
    const stopped = await podOf('db-1');
    // 0: the pause program ended by itself, it was not killed.
    assert.deepEqual(
      [stopped.pause, stopped.sidecar, stopped.app].map(one => [one?.state, one?.exitCode]),
      Array(3).fill(['exited', 0]),
    );
    assert.deepEqual((await bring(shop())).filter(line => line.startsWith('done')).sort(), [
      'done start-pod db-1',
      'done start-pod web-1',
    ]);
    assert.equal((await podOf('db-1')).app?.id, before.app?.id);
  });

  it('puts the bundle on a base image, and hands a secret to an app with a read-only root', async t => {
    const [base] = made;
    assert.ok(base !== undefined);
    const other = testRuntime(engine, `${project}c`, bundle.path, {
      env: { KEY: 'hunter2' },
      sidecar: { bundleDir: bundle.path, nodeBinary: null, baseImage: base, uid: 1337, controlPort: 15012 },
    });
    t.after(() => other.down({ volumes: false, onProgress: () => {} }));
    const mounts = [{ kind: 'secret' as const, source: 'key', target: '/run/secrets/key' }];
    const config = meshConfig(
      [
        oneContainer('a', image, null, {
          command: ['/bin/busybox', 'cat', '/run/secrets/key'],
          user: '1000',
          readOnly: true,
          mounts,
        }),
      ],
      {
        secrets: [{ name: 'key', from: { kind: 'environment', variable: 'KEY' } }],
      },
    );
    const plan = await other.plan(config);
    made.unshift(...plan.operations.filter(one => one.kind === 'make-sidecar-image').map(one => one.target));
    await up(other, config);
    const read = async (role: 'app' | 'sidecar') => {
      let text = '';
      for await (const { data } of other.logs({
        targets: [],
        roles: [role],
        follow: false,
        since: '',
        tail: null,
        timestamps: false,
        signal: never,
      }))
        text += data.toString();
      return text;
    };
    await eventually(async () => assert.equal(await read('app'), 'hunter2'));
    await eventually(async () => assert.match(await read('sidecar'), /sidecar up/));
  });

  it('tells of a crash at once with the last lines, and who has a port', async t => {
    const bad = meshConfig([
      oneContainer('bad', image, 80, { command: ['/bin/busybox', 'sh', '-c', 'echo cannot bind; exit 2'] }),
    ]);
    const hooks = { ...idleHooks, appListening: () => new Promise<void>(() => {}) };
    const other = testRuntime(engine, `${project}b`, bundle.path);
    t.after(() => other.down({ volumes: false, onProgress: () => {} }));
    await assert.rejects(
      up(other, bad, { hooks }),
      error => error instanceof ContainerFailed && error.exitCode === 2 && error.logTail[0] === 'cannot bind',
    );
    const server = createServer();
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const gateway = meshConfig([], { gateways: [gatewayConfig('edge', address.port)] });
    await assert.rejects(up(other, gateway), error => error instanceof PortTaken && error.owner.includes(`pid ${process.pid}`));
    server.close();
    await assert.rejects(
      up(other, meshConfig([], { gateways: [gatewayConfig('edge', gatewayPort)] })),
      error => error instanceof PortTaken && error.owner === `container ${project}-web-1-pod`,
    );
  });

  it('builds an image from a folder, without what .dockerignore names, and says why a build failed', async t => {
    const context = await mkdtemp(join(tmpdir(), 'mesh-build-'));
    t.after(() => rm(context, { recursive: true }));
    const write = (name: string, text: string) => writeFile(join(context, name), text);
    await Promise.all([
      write('Dockerfile', `FROM ${image}\nARG GREETING\nENV GREETING=$GREETING\nCOPY . /app/\n`),
      write('hello', 'x'),
      write('private', 'x'),
      write('.dockerignore', 'private\n'),
    ]);
    const tag = `${project}-built:1`;
    made.push(tag);
    const build = { context, dockerfile: 'Dockerfile', args: { GREETING: 'hi' }, target: null, labels: {} };
    const list = { command: ['/bin/busybox', 'sh', '-c', 'echo $GREETING; cd /app; echo *; exit 0'] };
    const other = testRuntime(engine, `${project}d`, bundle.path);
    t.after(() => other.down({ volumes: false, onProgress: () => {} }));
    const lines = await up(other, meshConfig([oneContainer('built', tag, null, { build, ...list })]));
    assert.ok(lines.includes(`progress build-image ${tag}`));
    let text = '';
    for await (const { data } of other.logs({
      targets: [],
      roles: ['app'],
      follow: true,
      since: '',
      tail: null,
      timestamps: false,
      signal: never,
    }))
      text += data.toString();
    assert.equal(text, 'hi\nDockerfile hello\n');
    await write('Dockerfile', `FROM ${image}\nCOPY absent /\n`);
    const failed = up(other, meshConfig([oneContainer('built', tag, null, { build, ...list })]), { plan: { build: true } });
    await assert.rejects(
      failed,
      error => error instanceof RuntimeError && error.code === 'build-failed' && /absent/.test(error.message),
    );
  });

  it('builds by a Dockerfile outside the context, which COPY does not see', async t => {
    const root = await mkdtemp(join(tmpdir(), 'mesh-build-'));
    t.after(() => rm(root, { recursive: true, force: true }));
    await mkdir(join(root, 'web'));
    await writeFile(join(root, 'Dockerfile'), `FROM ${image}\nCOPY . /app/\nRUN ["/bin/busybox", "ls", "-a", "/app"]\n`);
    await writeFile(join(root, 'web/hello'), 'x');
    const tag = `${project}-outside:1`;
    made.push(tag);
    const said: string[] = [];
    const build = { context: join(root, 'web'), dockerfile: '../Dockerfile', args: {}, target: null, labels: {}, platform: null };
    await engine.buildImage({ ...build, tag }, line => said.push(...line.split('\n')), never);
    assert.deepEqual(
      said.filter(line => /^(hello|\..*file.*|\.dockerignore)$/.test(line)),
      ['hello'],
    );
  });

  it('keeps an image’s entrypoint, replaces it, or drops it; options of the default log driver arrive', async () => {
    const base = await engine.createContainer(`${project}-entry`, {
      Image: image,
      Labels: {},
      HostConfig: { NetworkMode: 'none' },
    });
    const ref = `${project}-entry:1`;
    made.push(ref);
    await engine.commitContainer(base, ref, [
      'ENTRYPOINT ["/bin/busybox","echo","entry"]',
      'CMD ["/bin/busybox","echo","command"]',
    ]);
    await engine.removeContainer(base);
    const outcome = async (more: Partial<ContainerConfig>) => {
      const { body } = appBody(containerConfig(ref, { logging: { driver: '', options: { 'max-size': '1m' } }, ...more }), [], []);
      const id = await engine.createContainer(`${project}-entry`, {
        ...body,
        Labels: {},
        HostConfig: { ...body.HostConfig, NetworkMode: 'none' },
      });
      await engine.startContainer(id);
      await engine.waitContainer(id, 'not-running', never);
      const { HostConfig } = (await engineJson('GET', `/containers/${id}/json`)) as { HostConfig: { LogConfig: object } };
      let said = '';
      const all = { follow: false, since: '', tail: null, timestamps: false, signal: never };
      for await (const { data } of engine.logs(id, all)) said += data.toString();
      await engine.removeContainer(id);
      return { said, log: HostConfig.LogConfig };
    };
    assert.equal((await outcome({ entrypoint: null })).said, 'entry /bin/busybox echo command\n');
    assert.equal((await outcome({ entrypoint: [] })).said, 'command\n');
    const mine = await outcome({ entrypoint: [], command: ['/bin/busybox', 'echo', 'mine'] });
    assert.equal(mine.said, 'mine\n');
    const { Type, Config } = mine.log as { Type: string; Config: Record<string, string> };
    assert.notEqual(Type, '');
    assert.equal(Config['max-size'], '1m');
  });

  it('goes down without a configuration, leaves named volumes unless told, and is idempotent', async () => {
    const stranger = await engine.createContainer(`${project}-stranger`, {
      Image: image,
      Labels: { 'com.docker.compose.project': project },
      HostConfig: { NetworkMode: 'none' },
    });
    await runtime.down({ volumes: false, onProgress: () => {} });
    const labels = { [labelKeys.project]: project };
    assert.deepEqual([await engine.listContainers(labels), await engine.listNetworks(labels)], [[], []]);
    assert.equal((await engine.listVolumes(labels)).length, 1);
    await runtime.down({ volumes: true, onProgress: () => {} });
    assert.deepEqual(await engine.listVolumes(labels), []);
    assert.notEqual(await engine.inspectContainer(stranger), null);
    await engine.removeContainer(stranger);
  });
});
