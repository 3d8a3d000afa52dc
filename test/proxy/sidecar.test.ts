import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, request } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { before, describe, test } from 'node:test';
import { type Clock, systemClock } from '../../src/async/clock.ts';
import { MeshExposition } from '../../src/daemon/mesh-exposition.ts';
import type { ClusterReport } from '../../src/snapshot/channel.ts';
import type { Snapshot } from '../../src/snapshot/snapshot.ts';
import type { PackedFamily } from '../../src/telemetry/packed-exposition.ts';
import { afterTest, serving } from '../support/after-test.ts';
import { eventually } from '../support/eventually.ts';
import { createTestCa, type LeafOptions } from '../support/test-ca.ts';
import { TestDaemon } from '../support/test-daemon.ts';
import { freePort } from './data-plane-harness.ts';
import { inboundOf, type StartedSidecar, snapshotOf, startOnLoopback, towards } from './sidecar-fixture.ts';

const ca = createTestCa(Date.now());

async function started(starting: Promise<StartedSidecar>): Promise<StartedSidecar> {
  const one = await starting;
  afterTest(() => one.sidecar.drain(0));
  return one;
}

async function daemonOf(one: StartedSidecar, options: Parameters<typeof TestDaemon.dial>[2] = {}): Promise<TestDaemon> {
  const daemon = await TestDaemon.dial(one.sidecar.ports.control, ca, options);
  afterTest(() => daemon[Symbol.dispose]());
  return daemon;
}

async function applied(daemon: TestDaemon, snapshot: Snapshot): Promise<void> {
  assert.deepEqual(await daemon.push(snapshot), { kind: 'ack', version: snapshot.version });
}

interface Pair {
  readonly client: StartedSidecar;
  readonly server: StartedSidecar;
  readonly clientDaemon: TestDaemon;
  readonly serverDaemon: TestDaemon;
}

interface PairOptions {
  readonly protocol?: 'http' | 'tcp';
  readonly identities?: readonly string[];
  readonly svid?: () => LeafOptions;
  readonly clientClock?: Clock;
}

/** How storefront reaches reviews; reviews takes both. */
let hop: 'tunnel' | 'pooled' = 'tunnel';

/** storefront's sidecar and reviews' sidecar with an app on `appPort`, both with rules and certificates. */
async function pair(appPort: number, options: PairOptions = {}): Promise<Pair> {
  const { protocol = 'tcp', identities, svid } = options;
  const server = await started(startOnLoopback('reviews', ca, () => ({ address: '127.0.0.1', port: appPort })));
  const clock = options.clientClock ?? systemClock;
  const client = await started(startOnLoopback('storefront', ca, () => ({ address: '240.240.0.1', port: 9080 }), { clock, hop }));
  const dialling = svid === undefined ? {} : { svid };
  const serverDaemon = await daemonOf(server, dialling);
  const clientDaemon = await daemonOf(client, dialling);
  await applied(serverDaemon, snapshotOf('reviews', { version: '1', inbound: [inboundOf(appPort, 'reviews', { protocol })] }));
  await applied(
    clientDaemon,
    snapshotOf('storefront', { version: '1', ...towards('reviews', protocol, server.sidecar.ports.inbound, identities) }),
  );
  for (const daemon of [serverDaemon, clientDaemon]) {
    await eventually(async () => assert.notEqual((await state(daemon)).certificate, null));
  }
  return { client, server, clientDaemon, serverDaemon };
}

interface SidecarState {
  readonly certificate: { readonly problem: string | null } | null;
}

async function state(daemon: TestDaemon): Promise<SidecarState> {
  return (await daemon.query('state')) as SidecarState;
}

/** Connects, sends, and collects what comes until the end or the error. */
function exchange(port: number, sends: string): Promise<{ readonly text: string; readonly error: string | null }> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    afterTest(() => socket.destroy());
    let text = '';
    let error: string | null = null;
    socket.on('data', chunk => {
      text += chunk;
    });
    socket.on('error', problem => {
      error = (problem as NodeJS.ErrnoException).code ?? problem.message;
    });
    socket.on('close', () => resolve({ text, error }));
    socket.end(sends);
  });
}

const echo = (): Server =>
  createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });

function get(port: number): Promise<{ readonly status: number; readonly body: string; readonly xfcc: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', path: '/', headers: { host: 'reviews:9080' } }, answer => {
      let body = '';
      answer.on('data', chunk => {
        body += chunk;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body, xfcc: String(answer.headers['x-seen'] ?? '') }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

const httpApp = (): Server =>
  createHttpServer((asked, answer) => {
    answer.setHeader('x-seen', String(asked.headers['x-forwarded-client-cert'] ?? ''));
    answer.end('reviews');
  });

for (const way of ['tunnel', 'pooled'] as const)
  describe(`two sidecars, ${way}`, () => {
    before(() => {
      hop = way;
    });
    test('carry raw TCP under mTLS, half-close included', async () => {
      const { client } = await pair(await serving(echo()));
      const big = 'x'.repeat(3_000_000);
      const { text, error } = await exchange(client.sidecar.ports.outbound, big);
      assert.equal(error, null);
      assert.equal(text.length, big.length);
    });

    test('carry a protocol in which the server speaks first', async () => {
      const { client } = await pair(await serving(createServer(socket => socket.end('220 ready'))));
      const socket = connect(client.sidecar.ports.outbound, '127.0.0.1');
      afterTest(() => socket.destroy());
      const [chunk] = await once(socket, 'data');
      assert.equal(String(chunk), '220 ready');
    });

    test('pass a reset on as a reset', async () => {
      const { client } = await pair(await serving(createServer(socket => socket.once('data', () => socket.resetAndDestroy()))));
      assert.equal((await exchange(client.sidecar.ports.outbound, 'hello')).error, 'ECONNRESET');
    });

    test('carry HTTP and tell the app who called', async () => {
      const { client } = await pair(await serving(httpApp()), { protocol: 'http' });
      const answer = await get(client.sidecar.ports.outbound);
      assert.equal(answer.status, 200);
      assert.equal(answer.body, 'reviews');
      assert.match(answer.xfcc, /URI=spiffe:\/\/bookshop\.local\/ns\/default\/sa\/storefront/);
    });

    test('refuse plaintext where mTLS is strict', async () => {
      let reached = 0;
      const app = createServer(() => reached++);
      const { server, serverDaemon } = await pair(await serving(app));
      assert.equal((await exchange(server.sidecar.ports.inbound, 'GET / HTTP/1.1\r\nhost: reviews\r\n\r\n')).text, '');
      assert.equal(reached, 0);
      assert.match(
        String(await serverDaemon.query('stats')),
        /mesh_connections_refused_total\{listener="inbound",reason="plaintext"\} 1/,
      );
      assert.ok(server.lines.some(line => line.includes('"reason":"plaintext"')));
    });

    test('do not speak to a server with another identity', async () => {
      const { client } = await pair(await serving(httpApp()), {
        protocol: 'http',
        identities: ['spiffe://bookshop.local/ns/default/sa/ratings'],
      });
      assert.equal((await get(client.sidecar.ports.outbound)).status, 503);
    });

    test('fail closed with the reason once the certificate is over', async () => {
      let shift = 0;
      const clientClock: Clock = { ...systemClock, now: () => Date.now() + shift };
      const { client, clientDaemon } = await pair(await serving(httpApp()), { protocol: 'http', clientClock });
      shift = 2 * 86_400_000;
      assert.equal((await get(client.sidecar.ports.outbound)).status, 503);
      assert.equal((await state(clientDaemon)).certificate?.problem, 'svid_expired');
    });

    test('renew their certificates while requests run and drop none', async () => {
      const svid = (): LeafOptions => ({ notBeforeMs: Date.now() - 1000, expiresAtMs: Date.now() + 3000 });
      const { client, clientDaemon, serverDaemon } = await pair(await serving(httpApp()), { protocol: 'http', svid });
      const socket = connect(client.sidecar.ports.outbound, '127.0.0.1');
      afterTest(() => socket.destroy());
      while (clientDaemon.signed < 4 || serverDaemon.signed < 4) {
        const fresh = await get(client.sidecar.ports.outbound);
        assert.equal(fresh.status, 200);
        const kept = once(socket, 'data');
        socket.write('GET / HTTP/1.1\r\nhost: reviews:9080\r\n\r\n');
        assert.match(String(await kept), /^HTTP\/1\.1 200 /);
      }
      const keys = clientDaemon.messages.filter(message => message.kind === 'csr').map(message => message.pem);
      assert.equal(new Set(keys).size, keys.length);
    });
  });

test('health checks go over mTLS to the app, and the state tells who is ill', async () => {
  const asked: string[] = [];
  let status = 200;
  const app = await serving(
    createHttpServer((incoming, response) => {
      asked.push(`${incoming.url} ${incoming.headers['x-forwarded-client-cert']}`);
      response.writeHead(status).end();
    }),
  );
  const { clientDaemon, server } = await pair(app, { protocol: 'http' });
  const parts = towards('reviews', 'http', server.sidecar.ports.inbound);
  const healthCheck = {
    probe: { kind: 'http' as const, path: '/health', statuses: [200] },
    intervalMs: 20,
    timeoutMs: 5000,
    healthyThreshold: 1,
    unhealthyThreshold: 2,
  };
  const clusters = parts.clusters.map(cluster => ({ ...cluster, healthCheck }));
  await applied(clientDaemon, snapshotOf('storefront', { ...parts, version: '2', clusters }));
  const health = async (): Promise<string | undefined> => {
    const { clusters: reports } = (await clientDaemon.query('state')) as { readonly clusters: readonly ClusterReport[] };
    return reports.find(report => report.name === 'outbound|9080||reviews')?.endpoints[0]?.health;
  };
  await eventually(() => assert.ok(asked.length > 1));
  assert.match(asked[0] ?? '', /^\/health By=.*URI=spiffe:\/\/bookshop\.local\/ns\/default\/sa\/storefront/);
  assert.equal(await health(), 'healthy');
  status = 503;
  await eventually(async () => assert.equal(await health(), 'unhealthy'));
  status = 200;
  await eventually(async () => assert.equal(await health(), 'healthy'));
});

describe('one sidecar', () => {
  test('refuses everything before its first snapshot', async () => {
    const one = await started(startOnLoopback('reviews', ca, () => ({ address: '127.0.0.1', port: 9080 })));
    assert.equal((await exchange(one.sidecar.ports.inbound, 'x')).text, '');
    assert.equal((await exchange(one.sidecar.ports.outbound, 'x')).text, '');
    assert.equal(one.sidecar.ready, false);
    assert.deepEqual(one.lines.filter(line => line.includes('"no_config"')).length, 2);
    const answer = await fetch(`http://127.0.0.1:${one.sidecar.ports.ready}/healthz/ready`);
    assert.equal(answer.status, 503);
  });

  test('refuses direct calls to its interception ports', async () => {
    const one = await started(startOnLoopback('reviews', ca, () => null));
    const daemon = await daemonOf(one);
    await applied(daemon, snapshotOf('reviews', { version: '1', egress: 'allow-any' }));
    await exchange(one.sidecar.ports.inbound, 'x');
    await exchange(one.sidecar.ports.outbound, 'x');
    const stats = String(await daemon.query('stats'));
    assert.match(stats, /listener="inbound",reason="direct_call"\} 1/);
    assert.match(stats, /listener="outbound",reason="direct_call"\} 1/);
    // The same, packed for the daemon.
    const exposition = new MeshExposition();
    exposition.add('reviews-1', (await daemon.query('exposition')) as readonly PackedFamily[]);
    const merged = [...exposition.text()].join('');
    assert.match(merged, /\{workload="reviews-1",listener="inbound",reason="direct_call"\} 1/);
    const names = (text: string): readonly string[] => text.match(/^# TYPE \S+/gm) ?? [];
    assert.deepEqual(names(merged), names(stats));
    assert.equal((await fetch(`http://127.0.0.1:${one.sidecar.ports.ready}/healthz/ready`)).status, 200);
  });

  test('lets unknown destinations pass only where the mesh allows it, virtual ones never', async () => {
    const outside = await serving(echo());
    let target = { address: '127.0.0.1', port: outside };
    const one = await started(startOnLoopback('reviews', ca, () => target));
    const daemon = await daemonOf(one);
    await applied(daemon, snapshotOf('reviews', { version: '1', egress: 'allow-any' }));
    assert.equal((await exchange(one.sidecar.ports.outbound, 'out')).text, 'out');
    await applied(daemon, snapshotOf('reviews', { version: '2', egress: 'registry-only' }));
    assert.equal((await exchange(one.sidecar.ports.outbound, 'out')).text, '');
    await applied(daemon, snapshotOf('reviews', { version: '3', egress: 'allow-any' }));
    target = { address: '240.240.9.9', port: 9080 };
    assert.equal((await exchange(one.sidecar.ports.outbound, 'out')).text, '');
  });

  test('admits plaintext on permissive ports, server-first too', async () => {
    const app = await serving(createServer(socket => socket.end('220 ready')));
    const one = await started(startOnLoopback('reviews', ca, () => ({ address: '127.0.0.1', port: app })));
    const daemon = await daemonOf(one);
    await applied(daemon, snapshotOf('reviews', { version: '1', inbound: [inboundOf(app, 'reviews', { mtls: 'permissive' })] }));
    const socket = connect(one.sidecar.ports.inbound, '127.0.0.1');
    afterTest(() => socket.destroy());
    const [chunk] = await once(socket, 'data');
    assert.equal(String(chunk), '220 ready');
  });

  test('admits plaintext from the host on a published port, and from nobody else', async () => {
    for (const [hostAddress, published, expected] of [
      ['127.0.0.1', true, '220 ready'],
      ['127.0.0.1', false, ''],
      ['172.18.0.1', true, ''],
    ] as const) {
      const app = await serving(createServer(socket => socket.end('220 ready')));
      const one = await started(startOnLoopback('reviews', ca, () => ({ address: '127.0.0.1', port: app }), { hostAddress }));
      const daemon = await daemonOf(one);
      await applied(daemon, snapshotOf('reviews', { version: '1', inbound: [inboundOf(app, 'reviews', { published })] }));
      assert.equal((await exchange(one.sidecar.ports.inbound, 'hello\r\n')).text, expected, `${hostAddress} ${published}`);
    }
  });

  test('keeps the last good snapshot when one cannot run', async () => {
    const taken = await serving(createServer());
    const one = await started(startOnLoopback('web', ca, () => null, { kind: 'gateway' }));
    const daemon = await daemonOf(one);
    await applied(daemon, snapshotOf('web', { version: '1', kind: 'gateway' }));
    const table = { name: 'web', virtualHosts: [] };
    const gateway = [{ name: 'web', port: taken, protocol: 'http' as const, routeTable: 'web', tcp: [] }];
    const bad = snapshotOf('web', { version: '2', kind: 'gateway', gateway, routeTables: [table] });
    assert.deepEqual(await daemon.push(bad), {
      kind: 'nack',
      version: '2',
      reason: `gateway port ${taken} cannot be opened: it is in use`,
    });
    assert.equal((await daemon.push({ ...bad, version: '3', clusters: [{}] } as unknown as Snapshot)).kind, 'nack');
    assert.equal((await daemon.push(snapshotOf('other', { version: '4' }))).kind, 'nack');
    assert.equal(((await daemon.query('config')) as Snapshot).version, '1');
  });

  test('obeys nobody but the daemon, and the newest of them', async () => {
    const one = await started(startOnLoopback('reviews', ca, () => null));
    const stranger = await daemonOf(one, { spiffeId: 'spiffe://bookshop.local/ns/default/sa/storefront' });
    await eventually(() => assert.ok(stranger.closed));
    assert.equal(stranger.messages.length, 0);
    const first = await daemonOf(one);
    await first.expect('hello');
    const second = await daemonOf(one);
    await second.expect('hello');
    await eventually(() => assert.ok(first.closed));
    second.send({ kind: 'ping', id: 5 });
    assert.deepEqual(await second.expect('pong'), { kind: 'pong', id: 5 });
    assert.equal(one.lines.filter(line => line.startsWith('mesh-control-key sha256:')).length, 1);
  });

  test('lets the daemon in while strangers hold connections open, and drops those that waited longest', async () => {
    const one = await started(startOnLoopback('reviews', ca, () => null));
    let closed = 0;
    const knock = async (): Promise<Socket> => {
      const socket = connect(one.sidecar.ports.control, '127.0.0.1');
      afterTest(() => socket.destroy());
      socket.on('error', () => {}).on('close', () => closed++);
      socket.resume();
      await once(socket, 'connect');
      return socket;
    };
    const early = await knock();
    for (let i = 1; i < 140; i++) await knock();
    await eventually(() => assert.equal(closed, 12));
    assert.ok(early.closed);
    const daemon = await daemonOf(one);
    await daemon.expect('hello');
    for (let i = 0; i < 140; i++) await knock();
    await eventually(() => assert.ok(closed >= 140));
    daemon.send({ kind: 'ping', id: 5 });
    assert.deepEqual(await daemon.expect('pong'), { kind: 'pong', id: 5 });
  });

  test('leaves nothing listening when one of its ports cannot be had', async () => {
    const taken = await serving(createServer());
    const free = await freePort();
    const starting = startOnLoopback('reviews', ca, () => null, { ports: { outbound: free, control: taken } });
    await assert.rejects(starting, { code: 'EADDRINUSE' });
    await eventually(async () => assert.equal((await exchange(free, 'x')).error, 'ECONNREFUSED'));
  });

  test('drains when told: what runs may finish, nothing new comes in', async () => {
    const drained = Promise.withResolvers<void>();
    const outside = await serving(echo());
    const one = await started(
      startOnLoopback('reviews', ca, () => ({ address: '127.0.0.1', port: outside }), { onDrained: drained.resolve }),
    );
    const daemon = await daemonOf(one);
    await applied(daemon, snapshotOf('reviews', { version: '1', egress: 'allow-any' }));
    const socket = connect({ port: one.sidecar.ports.outbound, host: '127.0.0.1' });
    afterTest(() => socket.destroy());
    socket.write('before');
    await once(socket, 'data');
    daemon.send({ kind: 'drain', graceMs: 60_000 });
    await eventually(async () => assert.equal((await exchange(one.sidecar.ports.outbound, 'x')).error, 'ECONNREFUSED'));
    const [late] = await Promise.all([once(socket, 'data'), socket.write('after')]);
    assert.equal(String(late), 'after');
    socket.end();
    await drained.promise;
  });
});
