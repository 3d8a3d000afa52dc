import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer as createHttpServer, request } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { describe, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { decode, encode } from 'dns-packet';
import { systemClock } from '../../src/async/clock.ts';
import { DnsForwarder, type Nameserver } from '../../src/proxy/dns/forward.ts';
import { HostResolver } from '../../src/proxy/dns/host-resolver.ts';
import type { Cluster } from '../../src/snapshot/snapshot.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { afterTest, serving } from '../support/after-test.ts';
import { eventually } from '../support/eventually.ts';
import { manualClock } from '../support/manual-clock.ts';
import { createTestCa, newKey } from '../support/test-ca.ts';
import { TestDaemon } from '../support/test-daemon.ts';
import { clusterTo, ruleTo } from './data-plane-harness.ts';
import { type StartedSidecar, snapshotOf, startOnLoopback } from './sidecar-fixture.ts';

const ca = createTestCa(Date.now());

/** A nameserver whose zone the test changes; a name that it has not got is answered with NXDOMAIN, `null` not at all. */
interface Zone {
  readonly server: Nameserver;
  readonly names: Map<string, readonly string[] | null>;
  ttl: number;
  asked: number;
}

async function nameserver(names: Readonly<Record<string, readonly string[] | null>>): Promise<Zone> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const zone: Zone = {
    server: { address: '127.0.0.1', port: (socket.address() as AddressInfo).port },
    names: new Map(Object.entries(names)),
    ttl: 60,
    asked: 0,
  };
  socket.on('message', (bytes, from) => {
    zone.asked++;
    const { id = 0, questions = [] } = decode(bytes);
    const found = zone.names.get(questions[0]?.name ?? '');
    if (found === null) return;
    const name = questions[0]?.name ?? '';
    const alias = { type: 'CNAME' as const, name, ttl: 3000, data: `real.${name}` };
    const answers = (found ?? []).map(data => ({ type: 'A' as const, name: `real.${name}`, ttl: zone.ttl, data }));
    const flags = found === undefined ? 3 : 0;
    socket.send(
      encode({ type: 'response', id, flags, questions, answers: found === undefined ? [] : [alias, ...answers] }),
      from.port,
    );
  });
  afterTest(() => socket.close());
  return zone;
}

function certificateFor(name: string): { readonly key: string; readonly cert: string } {
  const key = newKey();
  return {
    key: key.export({ type: 'pkcs8', format: 'pem' }) as string,
    cert: ca.issue(key, null, { names: [{ type: 'dns', value: name }] }),
  };
}

interface Running {
  readonly one: StartedSidecar;
  readonly daemon: TestDaemon;
  readonly apply: (version: string, cluster: Cluster) => Promise<void>;
}

/** A sidecar whose app calls one external service. */
async function sidecarTo(cluster: Cluster, nameservers: readonly Nameserver[] = []): Promise<Running> {
  const one = await startOnLoopback('shop', ca, () => ({ address: '240.240.0.1', port: 80 }), { nameservers });
  afterTest(() => one.sidecar.drain(0));
  const daemon = await TestDaemon.dial(one.sidecar.ports.control, ca);
  afterTest(() => daemon[Symbol.dispose]());
  const apply = async (version: string, found: Cluster): Promise<void> => {
    const snapshot = snapshotOf('shop', {
      version,
      accessLog: 'json',
      clusters: [found],
      outbound: [{ address: '240.240.0.1', port: 80, protocol: 'http', service: 'api', routeTable: 'api', tcp: [] }],
      routeTables: [{ name: 'api', virtualHosts: [{ name: 'api', domains: ['*'], rules: [ruleTo('api')] }] }],
    });
    assert.deepEqual(await daemon.push(snapshot), { kind: 'ack', version });
  };
  await apply('1', cluster);
  return { one, daemon, apply };
}

function get({ one }: Running): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ port: one.sidecar.ports.outbound, host: '127.0.0.1', headers: { host: 'api.corp' }, agent: false });
    asked.on('error', reject);
    asked.on('response', async response => {
      let body = '';
      for await (const chunk of response) body += chunk;
      resolve({ status: response.statusCode ?? 0, body });
    });
    asked.end();
  });
}

const external = (address: string, port: number, more: Partial<Cluster> = {}): Cluster =>
  clusterTo('api', [], { endpoints: [{ workload: 'api', address, port, tls: 'plain' }], ...more });

describe('TLS that the sidecar makes', () => {
  const secured = (port: number, tls: Cluster['tls'], more: Partial<Cluster> = {}): Cluster =>
    external('127.0.0.1', port, {
      endpoints: [{ workload: 'api', address: '127.0.0.1', port, tls: 'tls' }],
      protocol: 'http1',
      ...(tls === undefined ? {} : { tls }),
      ...more,
    });
  const https = () =>
    createHttpsServer(certificateFor('api.corp'), (asked, answer) => {
      answer.end(`secure ${(asked.socket as { servername?: string }).servername} ${asked.headers.host}`);
    });

  test('server name asked for, certificate checked against the given roots, connections kept', async () => {
    const server = https();
    let connections = 0;
    server.on('connection', () => connections++);
    const running = await sidecarTo(secured(await serving(server), { serverName: 'api.corp', caPem: ca.bundlePem }));
    assert.deepEqual(await get(running), { status: 200, body: 'secure api.corp api.corp' });
    assert.equal((await get(running)).status, 200);
    assert.equal(connections, 1);
  });

  test('another name, unknown roots: 503 and why in the log; insecure: served', async () => {
    const port = await serving(https());
    const running = await sidecarTo(secured(port, { serverName: 'other.corp', caPem: ca.bundlePem }));
    assert.equal((await get(running)).status, 503);
    await eventually(() =>
      assert.ok(
        running.one.lines.some(line => line.includes('ERR_TLS_CERT_ALTNAME_INVALID')),
        running.one.lines.join('\n'),
      ),
    );
    await running.apply('2', secured(port, { serverName: 'api.corp' }));
    assert.equal((await get(running)).status, 503);
    await running.apply('3', secured(port, { serverName: 'api.corp', insecure: true }));
    assert.equal((await get(running)).body, 'secure api.corp api.corp');
  });

  test('HTTP/2 where the cluster says so, and the server agrees', async () => {
    const server = createSecureServer({ ...certificateFor('api.corp'), allowHTTP1: false }, (_asked, answer) =>
      answer.end('two'),
    );
    const tls = { serverName: 'api.corp', caPem: ca.bundlePem };
    const running = await sidecarTo(secured(await serving(server), tls, { protocol: 'http2' }));
    assert.deepEqual(await get(running), { status: 200, body: 'two' });
    await running.apply('2', secured(await serving(https()), tls, { protocol: 'http2' }));
    assert.equal((await get(running)).status, 503);
  });
});

test('raw TCP in TLS that the sidecar makes', async () => {
  const server = createTlsServer(certificateFor('db.corp'), socket => {
    socket.on('error', () => {});
    socket.write('hello');
    socket.pipe(socket);
  });
  const port = await serving(server);
  const one = await startOnLoopback('shop', ca, () => ({ address: '240.240.0.1', port: 5432 }));
  afterTest(() => one.sidecar.drain(0));
  const daemon = await TestDaemon.dial(one.sidecar.ports.control, ca);
  afterTest(() => daemon[Symbol.dispose]());
  const tls = { serverName: 'db.corp', caPem: ca.bundlePem };
  const snapshot = snapshotOf('shop', {
    version: '1',
    clusters: [external('127.0.0.1', port, { endpoints: [{ workload: 'db', address: '127.0.0.1', port, tls: 'tls' }], tls })],
    outbound: [
      {
        address: '240.240.0.1',
        port: 5432,
        protocol: 'tcp',
        service: 'db',
        routeTable: '',
        tcp: [{ cluster: 'api', weight: 1 }],
      },
    ],
  });
  assert.deepEqual(await daemon.push(snapshot), { kind: 'ack', version: '1' });
  const socket = connect({ port: one.sidecar.ports.outbound, host: '127.0.0.1', allowHalfOpen: true });
  afterTest(() => socket.destroy());
  socket.end(' world');
  let text = '';
  for await (const chunk of socket) text += chunk;
  assert.equal(text, 'hello world');
});

describe('host names', () => {
  test('a snapshot waits for its names, and is used with their addresses; later changes follow', async () => {
    const port = await serving(createHttpServer((_asked, answer) => answer.end('found')));
    const zone = await nameserver({ 'api.corp': ['127.0.0.1'] });
    const running = await sidecarTo(external('api.corp', port, { resolution: 'dns' }), [zone.server]);
    assert.deepEqual(await get(running), { status: 200, body: 'found' });
    const { clusters } = (await running.daemon.query('config')) as { clusters: readonly Cluster[] };
    assert.deepEqual(clusters[0]?.endpoints, [{ workload: 'api', address: '127.0.0.1', port, tls: 'plain' }]);
  });

  test('a name that nobody knows is an empty cluster: 503', async () => {
    const zone = await nameserver({});
    const running = await sidecarTo(external('api.corp', 80, { resolution: 'dns' }), [zone.server]);
    assert.deepEqual(await get(running), { status: 503, body: 'no healthy upstream' });
    assert.ok(running.one.lines.some(line => line.includes('a host cannot be resolved') && line.includes('NXDOMAIN')));
  });

  test('all addresses, asked for again when their time is over; a failure keeps the last and is asked again sooner', async () => {
    const zone = await nameserver({ 'api.corp': ['10.0.0.2', '10.0.0.1'] });
    const clock = manualClock();
    const lines: string[] = [];
    let changes = 0;
    const resolver = new HostResolver(
      new DnsForwarder([zone.server], systemClock),
      clock,
      createLog('sidecar', line => lines.push(line)),
      () => changes++,
    );
    afterTest(() => resolver.close());
    await resolver.warm(['api.corp', '10.9.9.9'], 10_000);
    assert.deepEqual(resolver.addresses('api.corp'), ['10.0.0.1', '10.0.0.2']);
    assert.deepEqual(resolver.addresses('10.9.9.9'), ['10.9.9.9']);
    assert.equal(changes, 1);

    zone.names.set('api.corp', ['10.0.0.3']);
    clock.advance(59_999);
    assert.equal(zone.asked, 1);
    clock.advance(1);
    await eventually(() => assert.deepEqual(resolver.addresses('api.corp'), ['10.0.0.3']));
    assert.equal(changes, 2);

    zone.names.delete('api.corp');
    clock.advance(60_000);
    await eventually(() => assert.equal(lines.length, 1));
    assert.deepEqual(resolver.addresses('api.corp'), ['10.0.0.3']);
    zone.names.set('api.corp', ['10.0.0.4']);
    clock.advance(1_000);
    await eventually(() => assert.deepEqual(resolver.addresses('api.corp'), ['10.0.0.4']));

    resolver.keep(new Set());
    const before = zone.asked;
    clock.advance(600_000);
    assert.equal(zone.asked, before);
    assert.deepEqual(resolver.addresses('api.corp'), []);
  });

  test('a nameserver that does not answer holds a snapshot up for a second at most', async () => {
    const zone = await nameserver({ 'api.corp': null });
    const running = await sidecarTo(external('api.corp', 80, { resolution: 'dns' }), [zone.server]);
    assert.equal((await get(running)).status, 503);
    zone.names.set('api.corp', ['127.0.0.1']);
  });
});
