import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { systemClock } from '../../src/async/clock.ts';
import { appMetrics } from '../../src/proxy/app-metrics.ts';
import { afterTest } from '../support/after-test.ts';
import { freePort } from './data-plane-harness.ts';

async function scraped(app: RequestListener): Promise<string> {
  const server = createServer(app);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterTest(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return appMetrics('127.0.0.1', { port, path: '/metrics?all=1' }, systemClock);
}

test('an app’s own metrics come with the word that it gave them', async () => {
  let asked = '';
  const text = await scraped((request, response) => {
    asked = `${request.url} ${request.headers['accept-encoding']}`;
    response.end('orders_total 7\nistio_requests_total 1\n');
  });
  assert.equal(asked, '/metrics?all=1 identity');
  assert.match(text, /^mesh_app_metrics_up 1$/m);
  assert.match(text, /^mesh_app_metrics_dropped_lines 1$/m);
  assert.match(text, /^orders_total 7$/m);
  assert.doesNotMatch(text, /istio_/);
});

const bad: readonly (readonly [string, RequestListener])[] = [
  ['never answers', () => {}],
  ['begins and hangs', (_, response) => void response.write('orders_total 7\n')],
  ['answers 500', (_, response) => void response.writeHead(500).end('orders_total 7\n')],
  ['compresses unasked', (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end('orders_total 7\n')],
  ['hangs up', request => void request.socket.destroy()],
  ['hangs up in the middle', (_, response) => void response.write('orders_total 7\n', () => response.socket?.destroy())],
  ['sends more than 4 MiB', (_, response) => void response.end('orders_total 7\n'.repeat(400_000))],
  [
    'sends for ever',
    (_, response) => {
      const more = (): void => {
        while (response.write('orders_total 7\n'.repeat(1_000)));
        response.once('drain', more);
      };
      more();
    },
  ],
];
for (const [what, app] of bad) {
  test(`an app that ${what} leaves the sidecar’s metrics whole`, async () => {
    const text = await scraped(app);
    assert.match(text, /^mesh_app_metrics_up 0$/m);
    assert.doesNotMatch(text, /orders_total/);
  });
}

test('so does one that is not there', async () => {
  assert.match(await appMetrics('127.0.0.1', { port: await freePort(), path: '/' }, systemClock), /^mesh_app_metrics_up 0$/m);
});
