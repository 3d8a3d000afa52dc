import assert from 'node:assert/strict';
import { createServer as createHttpServer, request } from 'node:http';
import { connect as connectTcp, createServer, type Server } from 'node:net';
import { describe, test } from 'node:test';
import { connect, createServer as createTlsServer } from 'node:tls';
import type { Snapshot } from '../../src/snapshot/snapshot.ts';
import { afterTest, serving } from '../support/after-test.ts';
import { eventually } from '../support/eventually.ts';
import { createTestCa, newKey } from '../support/test-ca.ts';
import { TestDaemon } from '../support/test-daemon.ts';
import { clusterTo, freePort, ruleTo } from './data-plane-harness.ts';
import { type StartedSidecar, snapshotOf, startOnLoopback } from './sidecar-fixture.ts';

const ca = createTestCa(Date.now());
const web = (name: string): Server =>
  createHttpServer((asked, answer) => answer.end(`${name} ${asked.headers.host} ${asked.url}`));

/** Ends TLS with a certificate for `name` and says it. */
function secure(name: string): Server {
  const key = newKey();
  const cert = ca.issue(key, null, { names: [{ type: 'dns', value: name }] });
  return createTlsServer({ key: key.export({ type: 'pkcs8', format: 'pem' }), cert }, socket => {
    socket.on('error', () => {});
    socket.end(`${name} heard ${(socket as { servername?: string }).servername}`);
  });
}

interface Running {
  readonly one: StartedSidecar;
  readonly daemon: TestDaemon;
  readonly stats: () => Promise<string>;
}

/** A sidecar whose app dials `destination`. */
async function sidecarTowards(port: number, parts: Partial<Snapshot>, address = '127.0.0.1'): Promise<Running> {
  const one = await startOnLoopback('shop', ca, () => ({ address, port }));
  afterTest(() => one.sidecar.drain(0));
  const daemon = await TestDaemon.dial(one.sidecar.ports.control, ca);
  afterTest(() => daemon[Symbol.dispose]());
  const snapshot = snapshotOf('shop', { version: '1', accessLog: 'json', ...parts });
  assert.deepEqual(await daemon.push(snapshot), { kind: 'ack', version: '1' });
  return { one, daemon, stats: async () => String(await daemon.query('stats')) };
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

function get({ one }: Running, host: string, path = '/'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ port: one.sidecar.ports.outbound, host: '127.0.0.1', path, headers: { host }, agent: false });
    asked.on('error', reject);
    asked.on('response', async response => {
      let body = '';
      for await (const chunk of response) body += chunk;
      resolve({ status: response.statusCode ?? 0, body });
    });
    asked.end();
  });
}

/** What a server says to `sends`, or the error. */
async function raw({ one }: Running, sends: string): Promise<string> {
  const socket = connectTcp({ port: one.sidecar.ports.outbound, host: '127.0.0.1' });
  afterTest(() => socket.destroy());
  if (sends !== '') socket.write(sends);
  try {
    let text = '';
    for await (const chunk of socket) text += chunk;
    return text;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

async function overTls({ one }: Running, servername: string): Promise<string> {
  const socket = connect({ port: one.sidecar.ports.outbound, host: '127.0.0.1', servername, ca: ca.bundlePem });
  afterTest(() => socket.destroy());
  try {
    let text = '';
    for await (const chunk of socket) text += chunk;
    return text;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

async function logged({ one }: Running, text: string): Promise<void> {
  await eventually(() =>
    assert.ok(
      one.lines.some(line => line.includes(text)),
      one.lines.join('\n'),
    ),
  );
}

describe('addresses that the mesh does not know, all let through', () => {
  test('HTTP goes on to where it was going, as PassthroughCluster in log and metrics', async () => {
    const running = await sidecarTowards(await serving(web('out')), { egress: 'allow-any' });
    assert.deepEqual(await get(running, 'out.corp', '/a'), { status: 200, body: 'out out.corp /a' });
    await logged(running, '"upstream_cluster":"PassthroughCluster"');
    assert.match(await running.stats(), /istio_requests_total\{[^}]*destination_service="PassthroughCluster"[^}]*\} 1/);
  });

  test('raw TCP, also of a server that speaks first', async () => {
    const greeter = createServer(socket => {
      socket.on('error', () => {});
      socket.end('220 hello');
    });
    const running = await sidecarTowards(await serving(greeter), { egress: 'allow-any' });
    assert.equal(await raw(running, ''), '220 hello');
    await logged(running, '"upstream_cluster":"PassthroughCluster"');
    assert.match(
      await running.stats(),
      /istio_tcp_connections_opened_total\{[^}]*destination_service="PassthroughCluster"[^}]*\} 1/,
    );
  });

  test('a forward proxy is spoken to as it is', async () => {
    const proxy = createServer(socket => {
      socket.on('error', () => {});
      socket.once('data', asked => socket.end(`HTTP/1.1 200 OK\r\n\r\ntunnel for ${String(asked).split(' ')[1]}`));
    });
    const running = await sidecarTowards(await serving(proxy), { egress: 'allow-any' });
    assert.equal(
      await raw(running, 'CONNECT a.corp:443 HTTP/1.1\r\nHost: a.corp:443\r\n\r\n'),
      'HTTP/1.1 200 OK\r\n\r\ntunnel for a.corp:443',
    );
    assert.equal(
      await raw(running, 'GET http://a.corp/x HTTP/1.1\r\nHost: a.corp\r\n\r\n'),
      'HTTP/1.1 200 OK\r\n\r\ntunnel for http://a.corp/x',
    );
  });

  test('TLS as it is', async () => {
    const running = await sidecarTowards(await serving(secure('a.corp')), { egress: 'allow-any' });
    assert.equal(await overTls(running, 'a.corp'), 'a.corp heard a.corp');
  });

  test('nobody is there: 503 for HTTP', async () => {
    // Nobody listens there; a port that was free a moment ago may be somebody else's by now.
    const running = await sidecarTowards(1, { egress: 'allow-any' });
    assert.equal((await get(running, 'out.corp')).status, 503);
  });
});

describe('addresses that the mesh does not know, only known services allowed', () => {
  test('HTTP is answered with 502, as BlackHoleCluster in log and metrics, and nobody is dialled', async () => {
    const server = web('out');
    let dialled = 0;
    server.on('connection', () => dialled++);
    const running = await sidecarTowards(await serving(server), { egress: 'registry-only' });
    assert.deepEqual(await get(running, 'out.corp'), { status: 502, body: '' });
    await logged(running, '"upstream_cluster":"BlackHoleCluster"');
    await logged(running, '"direct_response"');
    assert.match(
      await running.stats(),
      /istio_requests_total\{[^}]*response_code="502"[^}]*destination_service="BlackHoleCluster"|istio_requests_total\{[^}]*destination_service="BlackHoleCluster"[^}]*response_code="502"/,
    );
    assert.equal(dialled, 0);
  });

  test('raw TCP and TLS are cut', async () => {
    const running = await sidecarTowards(await serving(secure('a.corp')), { egress: 'registry-only' });
    assert.equal(await raw(running, '\x00\x01binary'), 'ECONNRESET');
    assert.equal(await overTls(running, 'a.corp'), 'ECONNRESET');
    await logged(running, '"upstream_cluster":"BlackHoleCluster"');
  });
});

describe('names without a virtual address', () => {
  const original = (name: string) => clusterTo(name, [], { resolution: 'original' });

  test('TLS by server name, whatever it is split over; other names by the policy', async () => {
    const port = await serving(secure('a.partner.com'));
    const running = await sidecarTowards(port, {
      egress: 'registry-only',
      clusters: [original('partner')],
      wildcards: [
        {
          service: 'partner',
          port,
          protocol: 'tls',
          hosts: ['*.partner.com'],
          routeTable: '',
          tcp: [{ cluster: 'partner', weight: 1 }],
        },
      ],
    });
    assert.equal(await overTls(running, 'a.partner.com'), 'a.partner.com heard a.partner.com');
    await logged(running, '"upstream_cluster":"partner"');
    await logged(running, 'a.partner.com');
    assert.equal(await overTls(running, 'partner.com'), 'ECONNRESET');
    assert.match(await running.stats(), /istio_tcp_connections_opened_total\{[^}]*destination_service="partner"[^}]*\} 1/);
  });

  test('HTTP by Host, request by request, with the rules of the service', async () => {
    const port = await serving(web('out'));
    const refused = ruleTo('partner', {
      name: 'no',
      matches: [{ path: { kind: 'exact', value: '/no' }, methods: [], headers: [], query: [] }],
      action: { kind: 'respond', status: 418, body: 'no', contentType: 'text/plain' },
    });
    const running = await sidecarTowards(port, {
      egress: 'registry-only',
      clusters: [original('partner')],
      routeTables: [
        { name: 'wild', virtualHosts: [{ name: 'partner', domains: ['*.partner.com'], rules: [refused, ruleTo('partner')] }] },
      ],
      wildcards: [{ service: 'partner', port, protocol: 'http', hosts: ['*.partner.com'], routeTable: 'wild', tcp: [] }],
    });
    assert.deepEqual(await get(running, 'a.partner.com', '/x'), { status: 200, body: 'out a.partner.com /x' });
    assert.deepEqual(await get(running, 'a.partner.com', '/no'), { status: 418, body: 'no' });
    assert.equal((await get(running, 'else.com')).status, 502);
    assert.match(await running.stats(), /istio_requests_total\{[^}]*destination_service="partner"[^}]*\} 1/);
  });
});

test('an external service whose TLS the sidecar makes: the app may also speak TLS itself', async () => {
  const plain = await serving(web('plain'));
  const own = await serving(secure('api.corp'));
  const running = await sidecarTowards(
    443,
    {
      clusters: [clusterTo('made', [plain]), clusterTo('raw', [own])],
      outbound: [
        {
          address: '240.240.0.9',
          port: 443,
          protocol: 'http',
          service: 'api',
          routeTable: 'api',
          tcp: [],
          tlsPassthrough: [{ cluster: 'raw', weight: 1 }],
        },
      ],
      routeTables: [{ name: 'api', virtualHosts: [{ name: 'api', domains: ['*'], rules: [ruleTo('made')] }] }],
    },
    '240.240.0.9',
  );
  assert.deepEqual(await get(running, 'api.corp', '/x'), { status: 200, body: 'plain api.corp /x' });
  assert.equal(await overTls(running, 'api.corp'), 'api.corp heard api.corp');
});

describe('a gateway that passes TLS through', () => {
  test('exact before wildcard before none; without a fitting name, or without TLS, it is closed', async () => {
    const ports = { exact: await serving(secure('x.a.corp')), wild: await serving(secure('*.a.corp')) };
    const port = await freePort();
    const one = await startOnLoopback('web', ca, () => null, { kind: 'gateway' });
    afterTest(() => one.sidecar.drain(0));
    const daemon = await TestDaemon.dial(one.sidecar.ports.control, ca);
    afterTest(() => daemon[Symbol.dispose]());
    const snapshot = snapshotOf('web', {
      version: '1',
      kind: 'gateway',
      accessLog: 'json',
      clusters: [clusterTo('exact', [ports.exact]), clusterTo('wild', [ports.wild])],
      gateway: [
        {
          name: 'web',
          port,
          protocol: 'tls',
          routeTable: '',
          tcp: [],
          sni: [
            { hosts: ['*.a.corp'], split: [{ cluster: 'wild', weight: 1 }] },
            { hosts: ['x.a.corp'], split: [{ cluster: 'exact', weight: 1 }] },
          ],
        },
      ],
    });
    assert.deepEqual(await daemon.push(snapshot), { kind: 'ack', version: '1' });
    const running = {
      one: { ...one, sidecar: { ...one.sidecar, ports: { ...one.sidecar.ports, outbound: port } } },
      daemon,
      stats: async () => '',
    };
    assert.equal(await overTls(running, 'x.a.corp'), 'x.a.corp heard x.a.corp');
    assert.equal(await overTls(running, 'y.a.corp'), '*.a.corp heard y.a.corp');
    await logged(running, 'y.a.corp');
    assert.equal(await overTls(running, 'a.corp'), 'ECONNRESET');
    assert.equal(await raw(running, 'GET / HTTP/1.1\r\nhost: x.a.corp\r\n\r\n'), 'ECONNRESET');
    const socket = connectTcp(port, '127.0.0.1');
    afterTest(() => socket.destroy());
    socket.on('error', () => {});
    socket.write(Buffer.from([22, 3, 1, 0, 5, 1, 0, 0, 1, 0]));
    await new Promise(resolve => socket.once('close', resolve));
  });
});
