/**
 * The bookshop of examples/ under `mesh up` on a real engine: what the apps and curl see. One mesh, brought up once, looked at by every test.
 */
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import type Docker from 'dockerode';
import { Bookshop } from '../support/bookshop.ts';
import { eventually } from '../support/eventually.ts';
import { SteadyLoad } from '../support/steady-load.ts';
import { stray } from '../support/stray.ts';

const project = 'e2e-bookshop';
const shell = 'buildpack-deps:bookworm-curl';
const python = 'python:3.11-slim-bookworm';
let shop: Bookshop;

/** Versions of reviews that `count` page views got. */
async function versions(count: number, headers: Readonly<Record<string, string>> = {}): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  for (let done = 0; done < count; done += 20) {
    const batch = await Promise.all(Array.from({ length: Math.min(20, count - done) }, () => shop.book(headers)));
    for (const book of batch) {
      const version = book.reviews.version ?? `error: ${book.reviews.error}`;
      seen.set(version, (seen.get(version) ?? 0) + 1);
    }
  }
  return seen;
}

/** Bounds that a right share leaves once in some hundred thousand runs: mean ± 4.5 standard deviations of the binomial. */
function assertShare(count: number, of: number, share: number): void {
  const spread = 4.5 * Math.sqrt(of * share * (1 - share));
  const mean = of * share;
  assert.ok(count >= mean - spread && count <= mean + spread, `${count} of ${of} is not about ${share * 100} %`);
}

async function idsByName(): Promise<Map<string, string>> {
  return new Map([...(await shop.containers())].map(([name, item]) => [name, item.Id]));
}

/** The project's only network. */
async function network(): Promise<Docker.NetworkInspectInfo> {
  const found = await shop.docker.listNetworks({ filters: { label: [`com.docker.compose.project=${project}`] } });
  assert.equal(found.length, 1, 'the project has one network');
  return found[0] as Docker.NetworkInspectInfo;
}

async function addressOf(workload: string): Promise<string> {
  const found = (await shop.status()).workloads.find(item => item.name === workload);
  assert.ok(found?.address, `${workload} has an address`);
  return found.address;
}

before(async () => {
  shop = await Bookshop.create(project);
  const up = await shop.mesh('up', '-d', '--wait');
  assert.equal(up.code, 0, `mesh up: ${up.stderr}${up.stdout}`);
});

after(async () => {
  await shop?.[Symbol.asyncDispose]();
});

describe('traffic', () => {
  test('the page comes through the gateway, put together from services called by their names', async () => {
    const page = await shop.get('/');
    assert.equal(page.status, 200);
    assert.match(page.body, /A Short Walk to the Lighthouse/);
    const book = await shop.book();
    assert.equal(book.details.error, undefined);
    assert.equal(book.reviews.error, undefined);
  });

  test('the split sends one in ten to v3 and nobody to v2', async () => {
    const seen = await versions(400);
    assert.deepEqual([...seen.keys()].sort(), ['v1', 'v3']);
    assertShare(seen.get('v3') ?? 0, 400, 0.1);
  });

  test('a header match sends jason to v2, with black stars out of redis', async () => {
    assert.deepEqual([...(await versions(40, { 'end-user': 'jason' })).keys()], ['v2']);
    const { reviews } = await shop.book({ 'end-user': 'jason' });
    const seen = reviews.reviews?.map(({ stars, color }) => `${stars} ${color}`);
    assert.deepEqual(seen, ['5 black', '4 black']);
  });

  test('redis, a server that speaks its own protocol, is reached over TCP through both sidecars', async () => {
    const put = await shop.mesh(
      'exec',
      'storefront',
      'node',
      '-e',
      `fetch('http://ratings:9080/ratings/0', {method: 'PUT', body: '{"Tomas": 1}'}).then(a => a.text()).then(console.log)`,
    );
    assert.equal(put.code, 0, put.stderr);
    assert.match(put.stdout, /"Tomas":1/);
    const { reviews } = await shop.book({ 'end-user': 'jason' });
    assert.equal(reviews.reviews?.find(review => review.reviewer === 'Tomas')?.stars, 1);
    const stored = await shop.mesh('exec', 'redis', 'redis-cli', 'hget', 'ratings:0', 'Tomas');
    assert.equal(stored.stdout.trim(), '1');
    const stats = await shop.mesh('metrics');
    assert.match(stats.stdout, /istio_tcp_connections_opened_total\{[^}]*reporter="destination"[^}]*\} [1-9]/);
  });

  test('a published port of a compose service answers on the host as it does without a mesh', async () => {
    const port = shop.storefrontPort;
    const answer = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(10_000) });
    assert.equal(answer.status, 200);
  });

  test('a name outside the mesh goes where the engine says, one that nobody knows fails as without a mesh', async () => {
    const script = `fetch('http://no-such-service:9080/').then(() => process.exit(1), error => console.log(error.cause.code))`;
    const unknown = await shop.mesh('exec', 'storefront', 'node', '-e', script);
    assert.match(unknown.stdout, /ENOTFOUND|EAI_AGAIN/);
  });
});

describe('strict mTLS', () => {
  test('a plaintext call from a stray container on the same network is refused', async () => {
    const { Name } = await network();
    const address = await addressOf('details-1');
    const call = await stray({
      image: shell,
      network: Name,
      command: ['curl', '-sS', '--max-time', '10', `http://${address}:9080/health`],
    });
    assert.ok([52, 56].includes(call.code), `curl ended with ${call.code}: ${call.output}`);
    assert.doesNotMatch(call.output, /"status"/);
  });

  test("a stray container gets nothing out of a sidecar's own ports", async () => {
    const { Name } = await network();
    const address = await addressOf('details-1');
    for (const port of [15001, 15006, 15012, 15021, 15053]) {
      const call = await stray({
        image: shell,
        network: Name,
        command: ['curl', '-sS', '--max-time', '5', `http://${address}:${port}/`],
      });
      assert.notEqual(call.code, 0, `port ${port} answered: ${call.output}`);
    }
  });

  test('the bytes between two pods are TLS', async () => {
    const address = await addressOf('details-1');
    // Reads raw frames off every interface of the machine: every first payload byte of a TCP segment to or from details, and whether HTTP is in the clear.
    const listen = `
import socket, struct, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003)); s.settimeout(20)
print("ready", flush=True)
me = socket.inet_aton(${JSON.stringify(address)}); records = set(); clear = False; seen = 0
until = time.monotonic() + 20
while seen < 12 and time.monotonic() < until:
    f = s.recv(65536)
    if f[12:14] != b"\\x08\\x00" or f[23] != 6: continue
    ip = f[14:]; ihl = (ip[0] & 15) * 4
    if me not in (ip[12:16], ip[16:20]): continue
    tcp = ip[ihl:struct.unpack("!H", ip[2:4])[0]]
    sport, dport = struct.unpack("!HH", tcp[:4])
    if 9080 not in (sport, dport): continue
    data = tcp[(tcp[12] >> 4) * 4:]
    if not data: continue
    seen += 1; clear = clear or b"HTTP/1.1" in data or b"Lighthouse" in data
    records.add(data[0])
print("seen", seen, "types", sorted(records), "clear", clear)
`;
    const container = await shop.docker.createContainer({
      Image: python,
      Cmd: ['python3', '-c', listen],
      HostConfig: { NetworkMode: 'host', CapAdd: ['NET_RAW'] },
    });
    try {
      await container.start();
      const output = async () => ((await container.logs({ stdout: true, stderr: true })) as unknown as Buffer).toString();
      await eventually(async () => assert.match(await output(), /ready/), { timeoutMs: 20_000, what: 'the listener is ready' });
      await using load = new SteadyLoad(2, async () => ((await shop.get('/api/book')).status === 200 ? null : 'failed'));
      await container.wait();
      await load.stop();
      const text = await output();
      assert.match(text, /clear False/, text);
      // 20 change cipher spec, 22 handshake, 23 application data
      assert.match(text, /types \[(20|22|23)(, (22|23))*\]/, text);
    } finally {
      await container.remove({ force: true });
    }
  });

  test('no private key in what the engine can be asked for', async () => {
    for (const { Id, Names } of (await shop.containers()).values()) {
      const facts = JSON.stringify(await shop.docker.getContainer(Id).inspect());
      assert.doesNotMatch(facts, /PRIVATE KEY|LS0tLS1CRUdJTiBQUklWQVRF/, Names.join());
      if (Names.some(name => name.endsWith('-pod'))) continue; // says nothing and keeps no log
      const logs = ((await shop.docker.getContainer(Id).logs({ stdout: true, stderr: true })) as unknown as Buffer).toString(
        'latin1',
      );
      assert.doesNotMatch(logs, /PRIVATE KEY/, Names.join());
    }
  });

  test('a sidecar runs as uid 1337 without capabilities on a read-only root', async () => {
    const sidecars = [...(await shop.containers())].filter(([name]) => name.endsWith('-sidecar'));
    assert.ok(sidecars.length >= 7, `${sidecars.length} sidecars`);
    for (const [name, { Id }] of sidecars) {
      const { HostConfig, State } = await shop.docker.getContainer(Id).inspect();
      assert.equal(HostConfig.ReadonlyRootfs, true, name);
      assert.deepEqual(HostConfig.CapDrop, ['ALL'], name);
      assert.ok(
        HostConfig.SecurityOpt?.some((item: string) => item.startsWith('no-new-privileges')),
        name,
      );
      assert.ok((HostConfig.PidsLimit ?? 0) > 0 && (HostConfig.Memory ?? 0) > 0, name);
      const status = await readFile(`/proc/${State.Pid}/status`, 'utf8');
      assert.match(status, /^Uid:\t1337\t1337\t1337\t1337$/m, name);
      assert.match(status, /^CapEff:\t0+$/m, name);
      assert.match(status, /^CapPrm:\t0+$/m, name);
    }
  });
});

describe('hot reload', () => {
  test('edits of the split under load take effect everywhere, drop nothing and touch no container', async () => {
    const ids = await idsByName();
    let turn = 0;
    await using load = new SteadyLoad(8, async () => {
      // Every second reader is jason, whose rule no edit touches: an answer of another version was meant for somebody else.
      const user = turn++ % 2 === 0 ? 'jason' : '';
      const book = await shop.book(user === '' ? {} : { 'end-user': user });
      if (book.user !== user) return `asked as "${user}", answered as "${book.user}"`;
      if (user === 'jason' && book.reviews.version !== 'v2') return `jason got ${book.reviews.version}`;
      return book.reviews.error ?? book.details.error ?? null;
    });
    for (let round = 0; round < 10; round++) {
      const [v1, v3] = round % 2 === 0 ? [0, 100] : [100, 0];
      await shop.edit(text => text.replace(/split: \{v1: \d+, v3: \d+\}/, `split: {v1: ${v1}, v3: ${v3}}`));
      const only = v1 === 100 ? 'v1' : 'v3';
      await eventually(async () => assert.deepEqual([...(await versions(20)).keys()], [only]), { what: `only ${only}` });
      await load.more(20);
    }
    await shop.edit(text => text.replace(/split: \{v1: \d+, v3: \d+\}/, 'split: {v1: 50, v3: 50}'));
    await eventually(async () => {
      const { config } = await shop.status();
      assert.equal(config.lastReload?.ok, true);
      assert.equal((await versions(40)).size, 2);
    });
    await load.stop();
    assert.deepEqual(load.failures, []);
    assert.ok(load.answers > 100);
    assertShare((await versions(200)).get('v3') ?? 0, 200, 0.5);
    assert.deepEqual(await idsByName(), ids);
  });

  test('a bad edit under load is said with line and caret, and the last good rules keep serving', async () => {
    await using load = new SteadyLoad(4, async () => ((await shop.get('/api/book')).status === 200 ? null : 'failed'));
    const good = await readFile(shop.meshFile, 'utf8');
    await writeFile(shop.meshFile, good.replace('to: v2', 'to: v22'));
    const seen = await eventually(async () => {
      const { config } = await shop.status();
      assert.equal(config.lastReload?.ok, false);
      return config.diagnostics;
    });
    assert.match(seen[0]?.text ?? '', /mesh\.yaml:\d+:\d+/);
    assert.match(seen[0]?.text ?? '', /v22/);
    assert.match(seen[0]?.text ?? '', /\^/);
    const validate = await shop.mesh('validate');
    assert.equal(validate.code, 2, validate.stdout + validate.stderr);
    assert.deepEqual([...(await versions(20, { 'end-user': 'jason' })).keys()], ['v2']);
    await writeFile(shop.meshFile, good);
    await eventually(async () => assert.equal((await shop.status()).config.lastReload?.ok, true));
    assert.equal((await shop.status()).config.diagnostics.filter(item => item.severity === 'error').length, 0);
    await load.stop();
    assert.deepEqual(load.failures, []);
  });

  test('mesh.yaml deleted and restored: the rules stay, and edits work again', async () => {
    const text = await readFile(shop.meshFile, 'utf8');
    await rm(shop.meshFile);
    await eventually(async () => assert.notEqual((await shop.status()).config.diagnostics.length, 0));
    assert.deepEqual([...(await versions(20, { 'end-user': 'jason' })).keys()], ['v2']);
    await writeFile(shop.meshFile, text.replace(/split: \{v1: \d+, v3: \d+\}/, 'split: {v1: 0, v3: 100}'));
    await eventually(async () => assert.deepEqual([...(await versions(20)).keys()], ['v3']));
  });

  test('a service added to and removed from mesh.yaml comes and goes; the others keep their containers', async () => {
    const ids = await idsByName();
    await shop.edit(text =>
      text.replace(
        'services:\n',
        'services:\n  notes: {image: "redis:7", port: 6380, command: [redis-server, --port, "6380", --protected-mode, "no"]}\n',
      ),
    );
    await eventually(
      async () => {
        const ping = await shop.mesh('exec', 'redis', 'redis-cli', '-h', 'notes', '-p', '6380', 'ping');
        assert.equal(ping.stdout.trim(), 'PONG', ping.stderr);
      },
      { timeoutMs: 60_000, everyMs: 500 },
    );
    const during = await idsByName();
    for (const [name, id] of ids) assert.equal(during.get(name), id, name);
    await shop.edit(text => text.replace(/ {2}notes: .*\n/, ''));
    await eventually(async () => assert.deepEqual(await idsByName(), ids), { timeoutMs: 60_000, everyMs: 200 });
  });
});

describe('what the commands say', () => {
  test('proxy-status has every workload SYNCED and proxy-config shows what runs', async () => {
    const status = await shop.mesh('proxy-status');
    assert.equal(status.code, 0, status.stderr);
    const lines = status.stdout.trim().split('\n').slice(1);
    assert.equal(lines.length, 8, status.stdout);
    for (const line of lines) assert.match(line, /SYNCED/);
    const config = await shop.mesh('proxy-config', 'storefront-1', 'clusters');
    assert.match(config.stdout, /outbound\|9080\|v2\|reviews/);
  });

  test('ps, config and validate agree with mesh.yaml', async () => {
    const ps = await shop.mesh('ps');
    for (const name of ['storefront', 'reviews', 'ratings', 'redis', 'details']) assert.match(ps.stdout, new RegExp(name));
    const config = await shop.mesh('config');
    assert.equal(config.code, 0, config.stderr);
    assert.match(config.stdout, /bookshop/);
    assert.equal((await shop.mesh('validate')).code, 0);
  });

  test('a second daemon in the same folder refuses and names the first', async () => {
    const { daemon } = await shop.status();
    const second = await shop.mesh('up');
    assert.notEqual(second.code, 0);
    assert.match(second.stderr, new RegExp(`\\b${daemon.pid}\\b`));
  });

  test('up --dry-run has nothing to do', async () => {
    const plan = await shop.mesh('up', '--dry-run');
    assert.equal(plan.code, 0, plan.stderr);
    assert.match(plan.stdout + plan.stderr, /nothing to do|up to date|no changes/i);
  });
});

describe('down', () => {
  test('removes all that up made, keeps the volume, leaves strangers alone, and may be said twice', async () => {
    const stranger = await shop.docker.createContainer({
      Image: 'redis:7',
      name: `${project}-stranger-1`,
      Labels: { 'com.docker.compose.project': `${project}x` },
    });
    try {
      const first = await shop.mesh('down');
      assert.equal(first.code, 0, first.stderr);
      assert.equal((await shop.containers()).size, 0);
      const networks = await shop.docker.listNetworks({ filters: { name: [project] } });
      assert.deepEqual(
        networks.filter(item => item.Name.startsWith(project)),
        [],
      );
      const volumes = await shop.docker.listVolumes({ filters: { name: [project] } });
      assert.ok(
        volumes.Volumes?.some(item => item.Name === `${project}_redis-data`),
        'the named volume is kept',
      );
      await stranger.inspect();
      const second = await shop.mesh('down', '-v');
      assert.equal(second.code, 0, second.stderr);
      const left = await shop.docker.listVolumes({ filters: { name: [project] } });
      assert.deepEqual(
        (left.Volumes ?? []).filter(item => item.Name.startsWith(`${project}_`)),
        [],
      );
    } finally {
      await stranger.remove({ force: true });
    }
  });
});
