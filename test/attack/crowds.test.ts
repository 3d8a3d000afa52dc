/** A thousand slow clients of every kind at once: a good client among them does not notice. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { exchangeRaw, get, startHttp, statusOf } from '../proxy/backend.ts';
import { inboundSnapshot, startPlane } from '../proxy/data-plane-harness.ts';
import { frame, request as http2Request } from '../proxy/http2/raw-client.ts';
import { inboundOf, snapshotOf, startOnLoopback, towards } from '../proxy/sidecar-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { createTestCa } from '../support/test-ca.ts';
import { TestDaemon } from '../support/test-daemon.ts';

/** So many connections that have sent `said` and go on with nothing; what comes back is not read. */
async function crowd(port: number, count: number, said: string, sockets: Socket[]): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, () => {
      const socket = connect(port, '127.0.0.1').pause();
      sockets.push(socket);
      return new Promise<void>((resolve, reject) => {
        socket.on('error', reject).once('connect', () => {
          socket.off('error', reject).on('error', () => {});
          socket.write(said, 'latin1', () => resolve());
        });
      });
    }),
  );
}

const preface = `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${frame(4, 0, 0, '')}`;

test('a thousand that are slow with heads, bodies and reading, in HTTP/1 and HTTP/2', async () => {
  await using app = await startHttp((asked, response) => {
    asked.resume();
    if (asked.url === '/large') response.end(Buffer.alloc(4 * 1024 * 1024));
    else response.end('ok');
  });
  await using plane = await startPlane('inbound', inboundSnapshot(app.port), { localPort: app.port });
  const sockets: Socket[] = [];
  try {
    await crowd(plane.port, 150, '', sockets);
    await crowd(plane.port, 200, 'GET / HTTP/1.1\r\nHost', sockets);
    await crowd(plane.port, 150, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx', sockets);
    await crowd(plane.port, 50, 'GET /large HTTP/1.1\r\nHost: a\r\n\r\n', sockets);
    await crowd(plane.port, 150, 'PRI * HTTP/2.0\r\n', sockets);
    await crowd(plane.port, 150, `${preface}${frame(1, 0, 1, '')}`, sockets);
    await crowd(plane.port, 100, `${preface}${http2Request(1, { ':method': 'POST' }, 4)}`, sockets);
    await crowd(plane.port, 50, `${preface}${http2Request(1, { ':path': '/large' })}`, sockets);
    for (let i = 0; i < 200; i++) assert.equal(statusOf(await exchangeRaw(plane.port, get('/'))), 200);
    assert.deepEqual(plane.bugs, []);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});

test('a thousand that do not finish their TLS handshakes', async () => {
  const ca = createTestCa(Date.now());
  await using stack = new AsyncDisposableStack();
  const app = stack.use(await startHttp((_, response) => void response.end('ok')));
  const server = await startOnLoopback('reviews', ca, () => ({ address: '127.0.0.1', port: app.port }));
  stack.defer(() => server.sidecar.drain(0));
  // A connection for each request: every good one needs a handshake of its own.
  const client = await startOnLoopback('storefront', ca, () => ({ address: '240.240.0.1', port: 9080 }), { hop: 'pooled' });
  stack.defer(() => client.sidecar.drain(0));
  const daemons = [server, client].map(async ({ sidecar }) => stack.use(await TestDaemon.dial(sidecar.ports.control, ca, {})));
  const [serverDaemon, clientDaemon] = (await Promise.all(daemons)) as [TestDaemon, TestDaemon];
  await serverDaemon.push(
    snapshotOf('reviews', { version: '1', inbound: [inboundOf(app.port, 'reviews', { protocol: 'http' })] }),
  );
  await clientDaemon.push(
    snapshotOf('storefront', { version: '1', ...towards('reviews', 'http', server.sidecar.ports.inbound) }),
  );
  for (const daemon of [serverDaemon, clientDaemon])
    await eventually(async () => assert.notEqual(((await daemon.query('state')) as { certificate: unknown }).certificate, null));

  const sockets: Socket[] = [];
  try {
    await crowd(server.sidecar.ports.inbound, 500, '', sockets);
    await crowd(server.sidecar.ports.inbound, 500, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', sockets);
    const ask = (): Promise<number> =>
      new Promise((resolve, reject) => {
        const sent = request({ port: client.sidecar.ports.outbound, agent: false, headers: { host: 'reviews' } }, answer => {
          answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
        });
        sent.on('error', reject).end();
      });
    for (let i = 0; i < 20; i++)
      assert.deepEqual(await Promise.all(Array.from({ length: 10 }, ask)), new Array(10).fill(200), `round ${i}`);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});
