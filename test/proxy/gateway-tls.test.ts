import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import { connect as connectTcp, createServer } from 'node:net';
import { describe, test } from 'node:test';
import { type ConnectionOptions, connect } from 'node:tls';
import { afterTest, serving } from '../support/after-test.ts';
import { eventually } from '../support/eventually.ts';
import { newKey } from '../support/test-ca.ts';
import { app, ca, gatewayTo, send } from './gateway-stage.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

function get(port: number, servername: string, path = '/'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({
      port,
      host: '127.0.0.1',
      servername,
      path,
      ca: ca.bundlePem,
      headers: { host: servername },
      agent: false,
    });
    asked.on('error', reject);
    asked.on('response', async response => {
      let body = '';
      for await (const chunk of response) body += chunk;
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
    });
    asked.end();
  });
}

/** The certificate's names, or the error of the handshake. */
async function handshake(port: number, options: ConnectionOptions): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', ca: ca.bundlePem, checkServerIdentity: () => undefined, ...options });
  afterTest(() => socket.destroy());
  try {
    await once(socket, 'secureConnect');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
  return `${socket.getPeerX509Certificate()?.subjectAltName} ${socket.getProtocol()} ${socket.alpnProtocol}`;
}

const tls = { certificates: ['web'], minVersion: '1.2' } as const;

describe('a gateway that ends TLS', () => {
  test('the certificate fits the server name, the app is told https, and no key is told to anybody', async () => {
    const { daemon, one, port } = await gatewayTo(await serving(app()), { tls });
    const keyPem = send(daemon, 'web', ['shop.localhost', '*.shop.localhost']);
    const answer = await get(port, 'shop.localhost', '/a?b');
    assert.equal(answer.status, 200);
    const asked = JSON.parse(answer.body) as Record<string, string>;
    assert.equal(asked['url'], '/a?b');
    assert.equal(asked['x-forwarded-proto'], 'https');
    assert.equal((await get(port, 'eu.shop.localhost')).status, 200);
    await assert.rejects(get(port, 'other.localhost'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });

    const secret = keyPem.split('\n')[1] ?? '';
    const told = JSON.stringify([
      await daemon.query('state'),
      await daemon.query('config'),
      await daemon.query('stats'),
      one.lines,
    ]);
    assert.ok(told.includes('gatewayCertificates'));
    assert.ok(!told.includes(secret));
  });

  test('a connection that comes before the certificate waits for it', async () => {
    const { daemon, port } = await gatewayTo(await serving(app()), { tls });
    const answer = get(port, 'shop.localhost');
    const socket = connectTcp(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.destroy();
    send(daemon, 'web', ['shop.localhost']);
    assert.equal((await answer).status, 200);
  });

  test('several certificates: by exact name, by wildcard, the first without a name; a new one is used at once', async () => {
    const { daemon, port } = await gatewayTo(await serving(app()), { tls: { certificates: ['a', 'b'], minVersion: '1.2' } });
    send(daemon, 'a', ['a.localhost']);
    send(daemon, 'b', ['*.b.localhost']);
    await daemon.query('state');
    assert.match(await handshake(port, { servername: 'a.localhost' }), /^DNS:a\.localhost /);
    assert.match(await handshake(port, { servername: 'x.b.localhost' }), /^DNS:\*\.b\.localhost /);
    assert.match(await handshake(port, { servername: 'nobody.localhost' }), /^DNS:a\.localhost /);
    assert.match(await handshake(port, {}), /^DNS:a\.localhost /);
    send(daemon, 'a', ['a.localhost', 'new.localhost']);
    await daemon.query('state');
    assert.match(await handshake(port, { servername: 'new.localhost' }), /new\.localhost/);
  });

  test('a key that does not belong to its certificate is refused, and the one before stays', async () => {
    const { daemon, one, port } = await gatewayTo(await serving(app()), { tls });
    send(daemon, 'web', ['shop.localhost']);
    const chainPem = ca.issue(newKey(), null, { names: [{ type: 'dns', value: 'shop.localhost' }] });
    daemon.send({
      kind: 'certificate',
      name: 'web',
      chainPem,
      keyPem: newKey().export({ type: 'pkcs8', format: 'pem' }) as string,
    });
    daemon.send({ kind: 'certificate', name: 'web', chainPem: 'none', keyPem: 'none' });
    await daemon.query('state');
    assert.equal(one.lines.filter(line => line.includes('gateway certificate refused')).length, 2);
    assert.equal((await get(port, 'shop.localhost')).status, 200);
  });

  test('the oldest version is kept to, ALPN offers HTTP, and plaintext is refused', async () => {
    const { daemon, one, port, apply } = await gatewayTo(await serving(app()), { tls });
    send(daemon, 'web', ['shop.localhost']);
    const older = { servername: 'shop.localhost', maxVersion: 'TLSv1.2' } as const;
    assert.match(await handshake(port, older), /TLSv1\.2/);
    assert.match(await handshake(port, { servername: 'shop.localhost', ALPNProtocols: ['http/1.1'] }), /http\/1\.1$/);
    await apply('2', { tls: { ...tls, minVersion: '1.3' } });
    assert.equal(await handshake(port, older), 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
    assert.match(await handshake(port, { servername: 'shop.localhost' }), /TLSv1\.3/);
    const socket = connectTcp(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    await once(socket, 'close');
    await eventually(() =>
      assert.ok(
        one.lines.some(line => line.includes('"plaintext"')),
        one.lines.join('\n'),
      ),
    );
  });

  test('HTTP/2 for those who choose it', async () => {
    const { daemon, port } = await gatewayTo(await serving(app()), { tls });
    send(daemon, 'web', ['shop.localhost']);
    const session = connectHttp2(`https://127.0.0.1:${port}`, { servername: 'shop.localhost', ca: ca.bundlePem });
    afterTest(() => session.destroy());
    const stream = session.request({ ':path': '/two', ':authority': 'shop.localhost' });
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    assert.equal(headers[':status'], 200);
    let body = '';
    for await (const chunk of stream) body += chunk;
    assert.equal(JSON.parse(body).url, '/two');
    assert.equal(JSON.parse(body)['x-forwarded-proto'], 'https');
  });

  test('raw TCP inside TLS', async () => {
    const echo = createServer({ allowHalfOpen: true }, socket => void socket.pipe(socket));
    const { daemon, port } = await gatewayTo(await serving(echo), { protocol: 'tcp', routeTable: '', tls });
    send(daemon, 'web', ['shop.localhost']);
    const half = {
      port,
      host: '127.0.0.1',
      servername: 'shop.localhost',
      ca: ca.bundlePem,
      allowHalfOpen: true,
    };
    const socket = connect(half);
    afterTest(() => socket.destroy());
    socket.end('ping');
    let text = '';
    for await (const chunk of socket) text += chunk;
    assert.equal(text, 'ping');
  });

  test('plain HTTP is redirected to the port of the gateway with TLS, query and all', async () => {
    const { port } = await gatewayTo(await serving(app()), { httpsRedirectPort: 8443 });
    const answer = await fetch(`http://127.0.0.1:${port}/a/b?c=d`, { redirect: 'manual' });
    assert.equal(answer.status, 301);
    assert.equal(answer.headers.get('location'), 'https://127.0.0.1:8443/a/b?c=d');
  });
});
