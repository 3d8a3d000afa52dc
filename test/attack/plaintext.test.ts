/** What a strict port lets through of everything that is not the mesh's own TLS: nothing, not a byte, not a connection. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { streamProtocol } from '../../src/proxy/tls/mesh-protocols.ts';
import type { InboundListener } from '../../src/snapshot/snapshot.ts';
import { inboundOf, type StartedSidecar, snapshotOf, startOnLoopback } from '../proxy/sidecar-fixture.ts';
import { afterTest } from '../support/after-test.ts';
import { clientHello } from '../support/client-hello.ts';
import { eventually } from '../support/eventually.ts';
import { type Recorder, recorder } from '../support/recorder.ts';
import { createTestCa, newKey } from '../support/test-ca.ts';
import { TestDaemon } from '../support/test-daemon.ts';

const ca = createTestCa(Date.now());
const foreign = createTestCa(Date.now());
const storefront = 'spiffe://bookshop.local/ns/default/sa/storefront';

function certificate(authority = ca, id: string | null = storefront): ConnectionOptions {
  const key = newKey();
  return { key: key.export({ type: 'pkcs8', format: 'pem' }), cert: authority.issue(key, id) };
}

const hello = await clientHello();
const meshHello = await clientHello({ ALPNProtocols: [streamProtocol] });
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';
const request = 'POST /admin HTTP/1.1\r\nhost: reviews\r\ncontent-length: 4\r\n\r\ndata';

/** `end`: the client says nothing more. */
const payloads: readonly (readonly [what: string, bytes: string | Buffer, pieces?: number])[] = [
  ['nothing', ''],
  ['an HTTP/1 request', request],
  ['an HTTP/1 request byte by byte', request, 1],
  ['an HTTP/1.0 request', 'GET /\r\n\r\n'],
  ['the preface of HTTP/2', preface],
  [
    'an upgrade to h2c',
    'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n',
  ],
  [
    'a WebSocket handshake',
    'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n',
  ],
  ['a CONNECT', 'CONNECT 127.0.0.1:9080 HTTP/1.1\r\nhost: a\r\n\r\n'],
  ['Redis', '*1\r\n$4\r\nPING\r\n'],
  ['Redis, inline', 'PING\r\n'],
  ['PostgreSQL', Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])],
  ['SMTP', 'EHLO a\r\n'],
  ['a PROXY line', `PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n${request}`],
  ['a PROXY header, binary', Buffer.concat([Buffer.from('\r\n\r\n\0\r\nQUIT\n!\x11\0\f', 'latin1'), Buffer.alloc(12)])],
  ['one zero', Buffer.alloc(1)],
  ['a megabyte of zeros', Buffer.alloc(1 << 20)],
  ['one byte of TLS', Buffer.from([22])],
  ['TLS that is garbage', Buffer.concat([Buffer.from([22, 3, 1, 0, 200]), Buffer.alloc(200, 0x41)])],
  ['a record of application data', Buffer.concat([Buffer.from([23, 3, 3, 0, 100]), Buffer.alloc(100, 0x41)])],
  ['an alert', Buffer.from([21, 3, 3, 0, 2, 1, 0])],
  ['a hello of SSL 2', Buffer.from([0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10])],
  ['half a hello', hello.subarray(0, hello.length >> 1)],
  ["half a sidecar's hello", meshHello.subarray(0, meshHello.length >> 1)],
  ['a hello, then a request in the clear', Buffer.concat([hello, Buffer.from(request)])],
  ["a sidecar's hello, then a request in the clear", Buffer.concat([meshHello, Buffer.from(request)])],
  ['a hello byte by byte, then a request', Buffer.concat([hello, Buffer.from(request)]), 1],
];

const handshakes: readonly (readonly [what: string, options: () => ConnectionOptions])[] = [
  ['TLS without a certificate', () => ({})],
  ["TLS without a certificate, with a sidecar's ALPN", () => ({ ALPNProtocols: [streamProtocol] })],
  ['TLS 1.2', () => ({ ...certificate(), maxVersion: 'TLSv1.2' })],
  ['a certificate of another CA', () => certificate(foreign)],
  ['a certificate without a name', () => certificate(ca, null)],
  ['a certificate of another trust domain', () => certificate(ca, 'spiffe://other.local/ns/default/sa/storefront')],
];

async function start(listener: Partial<InboundListener>): Promise<{ app: Recorder; one: StartedSidecar; daemon: TestDaemon }> {
  const app = await recorder();
  const one = await startOnLoopback('reviews', ca, () => ({ address: '127.0.0.1', port: app.port }));
  afterTest(() => one.sidecar.drain(0));
  const daemon = await TestDaemon.dial(one.sidecar.ports.control, ca);
  afterTest(() => daemon[Symbol.dispose]());
  await daemon.push(snapshotOf('reviews', { version: '1', inbound: [inboundOf(app.port, 'reviews', listener)] }));
  return { app, one, daemon };
}

/** Says its piece and ends its side. Resolves when the other side has hung up. */
function say(socket: Socket, bytes: string | Buffer, size = Number.POSITIVE_INFINITY): Promise<unknown> {
  const closed = new Promise(resolve => socket.on('close', resolve));
  afterTest(() => socket.destroy());
  socket.on('error', () => {}).resume();
  const whole = Buffer.from(bytes as string, 'latin1');
  for (let at = 0; at < whole.length; at += size) socket.write(whole.subarray(at, Math.min(at + size, whole.length)));
  socket.end();
  return closed;
}

/** What does not make a whole hello is waited for, ten seconds long: nobody needs to be there when they are over. */
const unfinished = /^(half|one byte of TLS)/;

/** Everything at once. */
async function sayAll(port: number): Promise<void> {
  const all = payloads.map(([what, bytes, size]) => {
    const closed = say(connect({ port, host: '127.0.0.1', noDelay: true }), bytes, size);
    return unfinished.test(what) ? Promise.resolve() : closed;
  });
  await Promise.all(all);
}

/** A good client's request. What came before it has been read by then. */
async function good(port: number, bytes: string): Promise<void> {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...certificate() });
  await say(socket, bytes);
}

for (const protocol of ['http', 'tcp', 'auto'] as const) {
  describe(`a strict ${protocol} port`, () => {
    test('gets nothing in the clear, whatever it looks like', async () => {
      const { app, one, daemon } = await start({ protocol });
      await sayAll(one.sidecar.ports.inbound);
      assert.deepEqual([app.connections, app.bytes.length], [0, 0]);
      assert.match(String(await daemon.query('stats')), /refused_total\{listener="inbound",reason="plaintext"\} 1\d/);
    });

    test('gets nothing from clients without a certificate of the mesh', async () => {
      const { app, one } = await start({ protocol });
      for (const [what, options] of handshakes) {
        const at = { port: one.sidecar.ports.inbound, host: '127.0.0.1', rejectUnauthorized: false };
        await say(connectTls({ ...at, ...options() }), request);
        assert.deepEqual([app.connections, app.bytes.length], [0, 0], what);
      }
    });
  });
}

test('a sidecar without rules gets nothing to its app either, with a good certificate or in the clear', async () => {
  const app = await recorder();
  const one = await startOnLoopback('reviews', ca, () => ({ address: '127.0.0.1', port: app.port }));
  afterTest(() => one.sidecar.drain(0));
  await sayAll(one.sidecar.ports.inbound);
  await good(one.sidecar.ports.inbound, request);
  assert.deepEqual([app.connections, app.bytes.length], [0, 0]);
});

test('with a certificate the request arrives, and alone: the recorder hears', async () => {
  const { app, one } = await start({ protocol: 'tcp' });
  await sayAll(one.sidecar.ports.inbound);
  const sent = good(one.sidecar.ports.inbound, request);
  await eventually(() => assert.equal(app.bytes.toString('latin1'), request));
  assert.equal(app.connections, 1);
  void sent;
});
