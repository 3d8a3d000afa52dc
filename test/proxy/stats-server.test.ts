import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { StatsServer } from '../../src/proxy/stats-server.ts';
import { afterTest } from '../support/after-test.ts';

async function serving(admitted: string): Promise<number> {
  const server = new StatsServer({ admits: address => address === admitted, text: async () => 'up 1\n' });
  afterTest(() => server.close());
  return server.listen('127.0.0.1', 0);
}

test('the host reads metrics where Istio has them, and nothing else', async () => {
  const url = `http://127.0.0.1:${await serving('127.0.0.1')}`;
  const response = await fetch(`${url}/stats/prometheus`);
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  assert.equal(await response.text(), 'up 1\n');
  for (const path of ['/', '/config_dump', '/quitquitquit', '/stats/prometheus/../x', '/healthz/ready'])
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
