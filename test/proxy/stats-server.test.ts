import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { type StatsParts, StatsServer } from '../../src/proxy/stats-server.ts';
import { afterTest } from '../support/after-test.ts';
import { eventually } from '../support/eventually.ts';

async function serving(admitted: string, parts: Partial<StatsParts> = {}): Promise<number> {
  const admits = (address: string): boolean => address === admitted;
  const server = new StatsServer({ admits, metrics: async () => 'up 1\n', targets: () => null, daemon: () => null, ...parts });
  afterTest(() => server.close());
  return server.listen('127.0.0.1', 0);
}

test('the host reads metrics where Istio has them, and nothing else', async () => {
  const url = `http://127.0.0.1:${await serving('127.0.0.1')}`;
  const response = await fetch(`${url}/stats/prometheus`);
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  assert.equal(await response.text(), 'up 1\n');
  for (const path of [
    '/',
    '/targets',
    '/daemon/metrics',
    '/config_dump',
    '/quitquitquit',
    '/stats/prometheus/../x',
    '/healthz/ready',
  ])
    assert.equal((await fetch(url + path)).status, 404, path);
  assert.equal((await fetch(`${url}/stats/prometheus`, { method: 'POST' })).status, 405);
});

test('others are hung up on', async () => {
  const socket = connect(await serving('172.17.0.1'), '127.0.0.1');
  afterTest(() => socket.destroy());
  let heard = '';
  socket.on('data', (bytes: Buffer) => {
    heard += bytes.toString();
  });
  socket.on('error', () => {});
  socket.end('GET /stats/prometheus HTTP/1.1\r\nhost: x\r\n\r\n');
  await once(socket, 'close');
  assert.equal(heard, '');
});

test('a scraper is told its targets', async () => {
  const targets = [{ targets: ['10.0.0.2:15020'], labels: { workload: 'web-1' } }];
  const url = `http://127.0.0.1:${await serving('127.0.0.1', { targets: () => targets })}/targets`;
  const response = await fetch(url);
  // Prometheus takes no other type.
  assert.equal(response.headers.get('content-type'), 'application/json');
  assert.deepEqual(await response.json(), targets);
  assert.equal((await fetch(url, { method: 'POST' })).status, 405);
});

test('who may read no longer is hung up on, also on a connection from before', async () => {
  let admitted = true;
  const port = await serving('', { admits: () => admitted });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  afterTest(() => agent.destroy());
  const ask = async (): Promise<number | undefined> => {
    const [response] = await once(request({ port, agent, path: '/stats/prometheus' }).end(), 'response');
    response.resume();
    await once(response, 'end');
    return response.statusCode;
  };
  assert.equal(await ask(), 200);
  admitted = false;
  await assert.rejects(ask(), { code: 'ECONNRESET' });
});

test('a scraper reads the daemon, if it is there', async () => {
  let text: string | null = 'mesh_workloads 2\n';
  const url = `http://127.0.0.1:${await serving('127.0.0.1', { daemon: async () => text })}/daemon/metrics`;
  assert.equal(await (await fetch(url)).text(), 'mesh_workloads 2\n');
  text = null;
  assert.equal((await fetch(url)).status, 503);
});

test('a reader that takes nothing is hung up on', async () => {
  const long = 'a 1\n'.repeat(4_000_000);
  const port = await serving('127.0.0.1', { metrics: async () => long, stuckMs: 200 });
  const socket = connect(port, '127.0.0.1');
  afterTest(() => socket.destroy());
  socket.on('error', () => {});
  socket.write('GET /stats/prometheus HTTP/1.1\r\nhost: x\r\n\r\n');
  // Paused, it holds what fits; that the rest is gone shows when it goes on.
  await once(socket, 'readable');
  await eventually(async () => assert.equal(await connectionsAt(port), 0), { timeoutMs: 20_000 });
});

/** Open connections of this process to a port. */
async function connectionsAt(port: number): Promise<number> {
  const text = await readFile('/proc/self/net/tcp', 'latin1');
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return text.split('\n').filter(line => new RegExp(`^ *\\d+: 0100007F:${hex} [0-9A-F]{8}:[0-9A-F]{4} 01 `).test(line)).length;
}
