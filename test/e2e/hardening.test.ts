/** What is around the mesh on a real engine: its containers' rights, where its keys are not, what hostile clients leave in logs, and whose containers it touches. */
import assert from 'node:assert/strict';
import { createHash, createPrivateKey } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type Docker from 'dockerode';
import { eventually } from '../support/eventually.ts';
import { images } from '../support/images.ts';
import { freePort } from '../support/mesh-project.ts';
import { serviceLine, TinyMesh } from '../support/tiny-mesh.ts';

const project = 'e2e-hardening';
const canary = 's3cret-canary';
/** Reading other processes' environment takes root, as the engine itself does. */
const root = process.getuid?.() === 0;
let mesh: TinyMesh;
let plainPort: number;

before(async () => {
  const other = serviceLine('other', 7001, `require("http").createServer((q,a)=>a.end("other")).listen(7001)`);
  mesh = await TinyMesh.create(project, other);
  plainPort = await freePort();
  await mesh.edit(text => {
    const secure = text.replace('routes: [{to: hello}]', 'tls: true, routes: [{to: hello}]');
    return `${secure}  plain: {port: ${plainPort}, routes: [{to: hello}]}\n`;
  });
  // What is made for the user alone must not depend on his umask.
  const umask = process.umask(0);
  const starting = mesh.mesh('up', '-d', '--wait', '--timeout', '120', '--admin-port');
  process.umask(umask);
  const up = await starting;
  assert.equal(up.code, 0, up.stderr);
});
after(() => mesh?.[Symbol.asyncDispose]());

async function inspected(): Promise<readonly Docker.ContainerInspectInfo[]> {
  return Promise.all([...(await mesh.containers()).values()].map(({ Id }) => mesh.docker.getContainer(Id).inspect()));
}

const sidecars = async (): Promise<readonly Docker.ContainerInspectInfo[]> =>
  (await inspected()).filter(one => one.Config.Labels['dev.localmesh.role'] === 'sidecar');

const logOf = async (id: string): Promise<Buffer> =>
  (await mesh.docker.getContainer(id).logs({ stdout: true, stderr: true })) as unknown as Buffer;

/** Fields of /proc/<pid>/status. */
async function statusOf(pid: number): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(`/proc/${pid}/status`, 'latin1');
  return new Map(text.split('\n').map(line => [line.split(':')[0] ?? '', line.slice(line.indexOf(':') + 1).trim()]));
}

describe('containers', () => {
  test('sidecars have what they need to begin, and nothing once they serve', async () => {
    const all = await sidecars();
    assert.equal(all.length, 4);
    for (const { Name, Config, HostConfig, State } of all) {
      assert.equal(HostConfig.ReadonlyRootfs, true, Name);
      assert.equal(HostConfig.Privileged, false, Name);
      assert.deepEqual(HostConfig.CapDrop, ['ALL'], Name);
      assert.deepEqual([...(HostConfig.CapAdd ?? [])].sort(), ['NET_ADMIN', 'SETGID', 'SETUID'], Name);
      // Nothing about seccomp: the engine's default profile.
      assert.deepEqual(HostConfig.SecurityOpt, ['no-new-privileges'], Name);
      assert.ok((HostConfig.PidsLimit ?? 0) > 0 && (HostConfig.PidsLimit ?? 0) <= 200, Name);
      assert.ok((HostConfig.Memory ?? 0) > 0, Name);
      assert.match(HostConfig.NetworkMode ?? '', /^container:/, Name);
      for (const mode of [HostConfig.PidMode, HostConfig.UTSMode, HostConfig.UsernsMode]) assert.equal(mode ?? '', '', Name);
      assert.ok(['', 'private', 'shareable'].includes(HostConfig.IpcMode ?? ''), Name);
      assert.deepEqual([HostConfig.Binds ?? [], HostConfig.Devices ?? []], [[], []], Name);
      assert.ok(!(Config.Env ?? []).some(line => /^NODE_OPTIONS=./.test(line)), Name);
      const status = await statusOf(State.Pid);
      for (const field of ['Uid', 'Gid']) assert.equal(status.get(field)?.replace(/\s+/g, ' '), '1337 1337 1337 1337', Name);
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) assert.match(status.get(set) ?? '', /^0+$/, `${Name} ${set}`);
      assert.deepEqual([status.get('Groups'), status.get('NoNewPrivs'), status.get('Seccomp')], ['', '1', '2'], Name);
    }
  });

  test('no signal opens the inspector', async () => {
    const [one] = await sidecars();
    assert.ok(one !== undefined);
    await mesh.docker.getContainer(one.Id).kill({ signal: 'SIGUSR1' });
    // 9229 in hex; a state of 0A listens.
    const listening = async (): Promise<boolean> =>
      /:240D \S+ 0A/.test(await readFile(`/proc/${one.State.Pid}/net/tcp`, 'latin1'));
    const log = (await logOf(one.Id)).toString('latin1');
    assert.equal((await mesh.mesh('proxy-status')).code, 0);
    assert.deepEqual([await listening(), log.includes('Debugger listening')], [false, false]);
    assert.equal((await mesh.docker.getContainer(one.Id).inspect()).State.Pid, one.State.Pid);
  });

  test('pause containers have no rights at all, and nobody has the engine’s socket', async () => {
    for (const { Name, Config, HostConfig, Mounts } of await inspected()) {
      for (const { Source = '', Destination } of Mounts)
        for (const path of [Source, Destination]) assert.doesNotMatch(path, /docker\.sock|^\/(?:var\/)?run(?:\/|$)|^\/$/, Name);
      assert.ok(!(Config.Env ?? []).some(line => line.startsWith('DOCKER_HOST=')), Name);
      if (Config.Labels['dev.localmesh.role'] !== 'pause') continue;
      assert.deepEqual([Config.User, HostConfig.CapDrop, HostConfig.CapAdd ?? []], ['65534', ['ALL'], []], Name);
      assert.deepEqual([HostConfig.ReadonlyRootfs, HostConfig.SecurityOpt], [true, ['no-new-privileges']], Name);
    }
  });

  test('a container that carries the mesh’s labels and is not the mesh’s is neither adopted nor removed', async () => {
    const [app] = (await inspected()).filter(one => one.Name === `/${project}-hello-1`);
    const foreign = await mesh.docker.createContainer({
      name: `${project}-foreign`,
      Image: images.node,
      Cmd: ['sleep', 'infinity'],
      Labels: { ...app?.Config.Labels, 'dev.localmesh.workload': 'hello-2', 'dev.localmesh.replica': '2' },
      HostConfig: { NetworkMode: 'none', Init: true },
    });
    try {
      await foreign.start();
      const { StartedAt } = (await foreign.inspect()).State;
      await mesh.edit(text => text.replace('stop_grace_period: 1s', 'stop_grace_period: 2s'));
      await eventually(async () => assert.equal((await mesh.status()).config.lastReload?.kind, 'services'), {
        timeoutMs: 60_000,
      });
      assert.ok(!(await mesh.status()).workloads.some(({ name, app }) => name === 'hello-2' || app?.name.includes('foreign')));
      assert.equal((await mesh.mesh('down')).code, 0);
      assert.deepEqual((await foreign.inspect()).State.StartedAt, StartedAt);
      const up = await mesh.mesh('up', '-d', '--wait', '--timeout', '120', '--admin-port');
      assert.equal(up.code, 0, up.stderr);
      assert.deepEqual((await foreign.inspect()).State.StartedAt, StartedAt);
    } finally {
      await foreign.remove({ force: true });
    }
  });
});

describe('keys', () => {
  /** Every private key of the state folder in the forms it could turn up in. */
  async function needles(): Promise<readonly Buffer[]> {
    const folder = join(mesh.dir, '.mesh', 'projects', project);
    const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter(item => item.isFile());
    const texts = await Promise.all(files.map(item => readFile(join(item.parentPath, item.name), 'utf8')));
    const pems = texts.flatMap(
      text =>
        text.replaceAll('\\n', '\n').match(/-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]+-----END [A-Z ]*PRIVATE KEY-----/g) ?? [],
    );
    assert.ok(pems.length > 0, 'the root key is somewhere in the folder');
    const token = (await readFile(join(folder, 'api-token'), 'utf8')).trim();
    const forms = pems.flatMap(pem => {
      const secret = createPrivateKey(pem).export({ format: 'jwk' }).d ?? '';
      const raw = Buffer.from(secret, 'base64url');
      assert.ok(raw.length >= 32);
      const middle = pem.split('\n')[1] ?? '';
      return [
        raw,
        raw.toString('hex'),
        raw.toString('hex').toUpperCase(),
        secret,
        middle,
        Buffer.from(pem).toString('base64').slice(0, 60),
      ];
    });
    return [...forms, token, 'PRIVATE KEY-----'].map(one => (typeof one === 'string' ? Buffer.from(one) : one));
  }

  test('are nowhere but in their files and in memory', async () => {
    const all = await needles();
    const found: string[] = [];
    const look = (where: string, bytes: Buffer | string): void => {
      const text = Buffer.from(bytes);
      assert.ok(text.length > 0, `${where} was read`);
      for (const needle of all)
        if (text.includes(needle)) found.push(`${where}: ${createHash('sha256').update(needle).digest('hex')}`);
    };
    const { docker } = mesh;
    for (const container of await inspected()) {
      look(`inspect ${container.Name}`, JSON.stringify(container));
      if (container.Config.Labels['dev.localmesh.role'] === 'pause') continue;
      const log = await logOf(container.Id);
      if (log.length > 0) look(`logs ${container.Name}`, log);
    }
    const label = `com.docker.compose.project=${project}`;
    for (const network of await docker.listNetworks({ filters: { label: [label] } })) look('network', JSON.stringify(network));
    const [one] = await sidecars();
    assert.ok(one !== undefined);
    look('image', JSON.stringify(await docker.getImage(one.Image).inspect()));
    look('history', JSON.stringify(await docker.getImage(one.Image).history()));
    // The file system, in pieces that overlap by more than a needle.
    let tail: Buffer = Buffer.alloc(0);
    for await (const part of await docker.getContainer(one.Id).export()) {
      const bytes = Buffer.concat([tail, part as Buffer]);
      // The binary has PEM's words in it, keys it has not.
      for (const needle of all.slice(0, -1)) if (bytes.includes(needle)) found.push('export');
      tail = bytes.subarray(-200);
    }
    look('daemon.log', await readFile(join(mesh.dir, '.mesh', 'projects', project, 'daemon.log')));
    for (const args of [
      ['status', '--json'],
      ['config', '--running', '--json'],
      ['metrics'],
      ['ca'],
      ['ps', '--json'],
      ['explain', 'other', 'GET', 'http://hello:7000/'],
    ])
      look(`mesh ${args[0]}`, (await mesh.mesh(...args)).stdout);
    for (const { name } of (await mesh.status()).workloads)
      look(`proxy-config ${name}`, (await mesh.mesh('proxy-config', name, 'all', '--json')).stdout);
    if (root) {
      for (const pid of (await readdir('/proc')).filter(name => /^\d+$/.test(name)))
        for (const file of ['environ', 'cmdline']) {
          const text = await readFile(`/proc/${pid}/${file}`).catch(() => Buffer.alloc(0));
          if (text.length > 0) look(`/proc/${pid}/${file}`, text);
        }
    }
    assert.deepEqual(found, []);
  });

  test('and their files are the user’s alone', async () => {
    const folder = join(mesh.dir, '.mesh');
    for (const item of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const { mode } = await stat(join(item.parentPath, item.name));
      assert.equal(mode & 0o077, 0, join(item.parentPath, item.name));
    }
  });
});

describe('hostile clients', () => {
  /** Sends bytes as they are; whatever comes back ends it. */
  const raw = (text: string): Promise<void> =>
    new Promise(resolve => {
      const socket = connect(plainPort, '127.0.0.1', () => socket.end(Buffer.from(text, 'latin1')));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
      socket.resume();
    });
  const polite = (path: string, headers: Readonly<Record<string, string>>): Promise<void> =>
    new Promise(resolve => {
      const call = request({ host: '127.0.0.1', port: plainPort, path, headers, agent: false }, answer => answer.resume());
      call.on('error', () => undefined);
      call.on('close', () => resolve());
      call.end();
    });
  const attacks = [
    '\u001b[2J',
    '\u001b]0;owned\u0007',
    '\u009b31m',
    '\r\u001b[1A',
    '\u0000',
    '\u0008\u0008',
    '\u007f',
    '\u00e2\u0080\u00ae',
    '\n[2026-01-01T00:00:00.000Z] "GET /forged',
  ];

  test('1,000 of them put not one control byte and none of their secrets into any log or output', async () => {
    const lanes = Array.from({ length: 20 }, async (_, lane) => {
      for (let n = lane; n < 1000; n += 20) {
        const bad = attacks[n % attacks.length] ?? '';
        const at = Math.floor(n / attacks.length) % 6;
        const put = (place: number): string => (at === place ? bad : '');
        await raw(
          `GET /${n}${put(0)}?access_token=${canary}&a=${put(1)} HTTP/1.1\r\nhost: shop${put(2)}\r\nuser-agent: x${put(3)}y\r\n` +
            `x-forwarded-for: 1.2.3.4${put(4)}\r\nx-request-id: ${put(5)}\r\nauthorization: Bearer ${canary}\r\ncookie: session=${canary}\r\nconnection: close\r\n\r\n`,
        );
      }
    });
    await Promise.all(lanes);
    await polite(`/ok?token=${canary}&code=${canary}&page=7`, {
      'user-agent': '\u00e2\u0080\u00ae\u00c2\u009b',
      authorization: `Bearer ${canary}`,
    });
    const edge = `${project}-plain-1`;
    const [gateway] = (await inspected()).filter(one => one.Name === `/${edge}`);
    assert.ok(gateway !== undefined);
    await eventually(async () =>
      assert.match((await logOf(gateway.Id)).toString('latin1'), /\/ok\?token=\*\*\*&code=\*\*\*&page=7/),
    );
    const outputs = new Map<string, string>();
    for (const { Id, Name } of await sidecars()) outputs.set(Name, withoutFrames(await logOf(Id)));
    outputs.set('daemon.log', await readFile(join(mesh.dir, '.mesh', 'projects', project, 'daemon.log'), 'utf8'));
    for (const args of [
      ['logs', '--sidecar'],
      ['status'],
      ['metrics'],
      ['proxy-config', 'plain-1', 'all'],
      ['explain', 'plain', 'GET', 'http://x/?a=\u009b', '-H', 'x-a: \u001b[2J\u009b'],
    ]) {
      const { stdout, stderr } = await mesh.mesh(...args);
      outputs.set(args.join(' '), stdout + stderr);
    }
    assert.ok((outputs.get(`/${edge}`)?.split('\n').length ?? 0) > 500, 'the requests are in the log');
    for (const [where, text] of outputs) {
      const bad = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/.exec(text);
      assert.equal(
        bad,
        null,
        `${where}: ${JSON.stringify(text.slice(Math.max(0, (bad?.index ?? 0) - 80), (bad?.index ?? 0) + 20))}`,
      );
      assert.doesNotMatch(text, new RegExp(canary), where);
      for (const line of text.split('\n')) assert.doesNotMatch(line, /^\[2026-01-01T00:00:00\.000Z\] "GET \/forged/, where);
    }
  });

  /** The engine frames each piece of a log with eight bytes; without them these are the lines as written. */
  function withoutFrames(bytes: Buffer): string {
    const parts: Buffer[] = [];
    for (let at = 0; at + 8 <= bytes.length; at += 8 + bytes.readUInt32BE(at + 4))
      parts.push(bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at + 4)));
    return Buffer.concat(parts).toString('utf8');
  }
});
