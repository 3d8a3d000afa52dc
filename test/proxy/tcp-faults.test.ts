/** Failures made on purpose on raw TCP connections. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { TcpSessions } from '../../src/proxy/tcp/tcp-proxy.ts';
import type { Fault } from '../../src/snapshot/route-rule.ts';
import { eventually } from '../support/eventually.ts';
import { exchangeRaw, startRaw } from './backend.ts';
import { clusterTo, type Harness, outboundSnapshot, startPlane } from './data-plane-harness.ts';

function planeTo(port: number, ...tcpFaults: Fault[]): Promise<Harness> {
  const tcp = [{ cluster: 'db', weight: 1 }];
  const listener = {
    address: '240.240.0.1',
    port: 80,
    protocol: 'tcp' as const,
    service: 'db',
    routeTable: 'all',
    tcp,
    tcpFaults,
  };
  const snapshot = outboundSnapshot([clusterTo('db', [port])], [], { accessLog: 'json', outbound: [listener] });
  return startPlane('outbound', snapshot, { tcp: new TcpSessions().proxy });
}

async function lastFlag(plane: Harness): Promise<unknown> {
  const line = await eventually(() => {
    assert.equal(plane.accessLog.length, 1);
    return plane.accessLog[0] ?? '';
  });
  return (JSON.parse(line) as Record<string, unknown>)['response_flags'];
}

const echo = (): ReturnType<typeof startRaw> => startRaw(socket => socket.pipe(socket));
const all = { percent: 100 };

test('a delay comes before the connection, and everything passes afterwards', async () => {
  await using db = await echo();
  await using plane = await planeTo(db.port, { ...all, kind: 'delay', ms: 20, jitterMs: 0 });
  const client = connect({ port: plane.port, host: '127.0.0.1' });
  client.end('hello');
  const [got] = await once(client.setEncoding('latin1'), 'data');
  assert.equal(got, 'hello');
  assert.equal(await lastFlag(plane), 'DI');
});

test('a reset cuts the client off, a black hole swallows what it says until it goes', async () => {
  await using db = await echo();
  await using cutting = await planeTo(db.port, { ...all, kind: 'reset' });
  const cut = connect({ port: cutting.port, host: '127.0.0.1' });
  const [error] = await once(cut, 'error');
  assert.equal(error.code, 'ECONNRESET');
  assert.equal(await lastFlag(cutting), 'FI');

  await using silent = await planeTo(db.port, { ...all, kind: 'blackhole' });
  const client = connect({ port: silent.port, host: '127.0.0.1' });
  client.on('error', () => {});
  client.write('x'.repeat(1_000_000));
  await once(client, 'drain');
  assert.equal(silent.accessLog.length, 0);
  client.end();
  assert.equal(await lastFlag(silent), 'FI');
  assert.equal(db.connections(), 0);
});

test('what the server says comes whole through a narrow band, with its end', async () => {
  const said = 'abcdefghij'.repeat(20_000);
  await using db = await startRaw(socket => socket.end(said));
  await using plane = await planeTo(db.port, { ...all, kind: 'bandwidth', bytesPerSecond: 2_000_000 });
  assert.ok((await exchangeRaw(plane.port, 'go')) === said);
  assert.equal(await lastFlag(plane), '-');
});

test('faults hit as many connections as they are for', async () => {
  await using db = await startRaw(socket => socket.end('fine'));
  await using plane = await planeTo(db.port, { ...all, kind: 'reset', first: 2 });
  const heard: string[] = [];
  for (let i = 0; i < 4; i++) heard.push(await exchangeRaw(plane.port, 'x'));
  assert.deepEqual(heard, ['', '', 'fine', 'fine']);
});

test('a port of a gateway has them too', async () => {
  await using db = await echo();
  const listener = {
    name: 'db',
    port: 80,
    protocol: 'tcp' as const,
    routeTable: '',
    tcp: [{ cluster: 'db', weight: 1 }],
    tcpFaults: [{ ...all, kind: 'reset' as const }],
  };
  const snapshot = outboundSnapshot([clusterTo('db', [db.port])], [], { accessLog: 'json', outbound: [], gateway: [listener] });
  await using plane = await startPlane('gateway', snapshot, { tcp: new TcpSessions().proxy });
  const [error] = await once(connect({ port: plane.port, host: '127.0.0.1' }), 'error');
  assert.equal(error.code, 'ECONNRESET');
  assert.equal(await lastFlag(plane), 'FI');
});
