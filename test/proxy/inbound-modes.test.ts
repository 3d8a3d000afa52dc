/** Who gets where on permissive, disabled and published ports, with real TLS of every kind. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer, request } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { type ConnectionOptions, connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { type Clock, systemClock } from '../../src/async/clock.ts';
import { createSelfSigned } from '../../src/identity/certificate-request.ts';
import { streamProtocol } from '../../src/proxy/tls/mesh-protocols.ts';
import type { InboundListener, MtlsMode } from '../../src/snapshot/snapshot.ts';
import { afterTest, serving } from '../support/after-test.ts';
import { clientHello } from '../support/client-hello.ts';
import { eventually } from '../support/eventually.ts';
import { recorder } from '../support/recorder.ts';
import { createTestCa, newKey } from '../support/test-ca.ts';
import { TestDaemon } from '../support/test-daemon.ts';
import { inboundOf, type StartedSidecar, snapshotOf, startOnLoopback } from './sidecar-fixture.ts';

const ca = createTestCa(Date.now());
const storefront = 'spiffe://bookshop.local/ns/default/sa/storefront';

/** What a sidecar shows. */
function sidecarOptions(): ConnectionOptions {
  const key = newKey();
  const cert = ca.issue(key, storefront);
  return { key: key.export({ type: 'pkcs8', format: 'pem' }), cert, rejectUnauthorized: false, ALPNProtocols: [streamProtocol] };
}

/** An app that ends TLS itself: says which protocol was chosen, then what it heard. */
function tlsApp(): Server {
  const key = newKey();
  const cert = createSelfSigned(key, "the app's own", Date.now());
  const options = { key: key.export({ type: 'pkcs8', format: 'pem' }), cert, ALPNProtocols: ['h2', 'own'] };
  return createTlsServer(options, socket => {
    socket.on('error', () => {}).on('data', chunk => socket.write(`${socket.alpnProtocol}: ${chunk}`));
  });
}

interface Started {
  readonly one: StartedSidecar;
  readonly daemon: TestDaemon;
  /** Where peers arrive. */
  readonly port: number;
  /** Other rules for the same port. */
  use(listener: Partial<InboundListener>): Promise<void>;
}

async function start(app: number, listener: Partial<InboundListener>, options: { hostAddress?: string; clock?: Clock } = {}) {
  const one = await startOnLoopback('reviews', ca, () => ({ address: '127.0.0.1', port: app }), options);
  afterTest(() => one.sidecar.drain(0));
  const daemon = await TestDaemon.dial(one.sidecar.ports.control, ca);
  afterTest(() => daemon[Symbol.dispose]());
  let version = 0;
  const started: Started = {
    one,
    daemon,
    port: one.sidecar.ports.inbound,
    async use(rules) {
      const inbound = [inboundOf(app, 'reviews', rules)];
      assert.equal((await daemon.push(snapshotOf('reviews', { version: String(version++), inbound }))).kind, 'ack');
    },
  };
  await started.use(listener);
  await eventually(async () => assert.notEqual(((await daemon.query('state')) as { certificate: unknown }).certificate, null));
  return started;
}

function dial(port: number): Socket {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  afterTest(() => socket.destroy());
  return socket.on('error', () => {});
}

async function secure(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  afterTest(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

async function ask(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [chunk] = await once(socket, 'data');
  return String(chunk);
}

/** An HTTP request over a connection that stands; the answer's body. */
function get(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request({ createConnection: () => socket, headers: { host: 'reviews' } }, answer => {
      let body = '';
      answer.on('data', chunk => {
        body += chunk;
      });
      answer.on('end', () => resolve(body));
    });
    sent.on('error', reject).end();
  });
}

const xfccApp = (): Server =>
  createHttpServer((incoming, answer) => answer.end(String(incoming.headers['x-forwarded-client-cert'] ?? 'nobody')));
const echo = (): Server => createServer(socket => socket.on('error', () => {}).pipe(socket));

for (const protocol of ['http', 'tcp', 'auto'] as const) {
  describe(`a permissive ${protocol} port`, () => {
    const listener = { mtls: 'permissive', protocol } as const;

    test('ends the TLS of sidecars and knows the peer', async () => {
      const { port, daemon } = await start(await serving(protocol === 'tcp' ? echo() : xfccApp()), listener);
      const socket = await secure(port, sidecarOptions());
      assert.equal(socket.alpnProtocol, streamProtocol);
      if (protocol === 'tcp') assert.equal(await ask(socket, 'hello'), 'hello');
      else assert.match(await get(socket), /^By=.*;URI=spiffe:\/\/bookshop\.local\/ns\/default\/sa\/storefront$/);
      socket.destroy();
      await eventually(async () => assert.match(String(await daemon.query('stats')), /connection_security_policy="mutual_tls"/));
    });

    test("leaves the app's own TLS to the app, whatever it offers", async () => {
      const { port, daemon } = await start(await serving(tlsApp()), listener);
      for (const [offered, chosen] of [
        [['h2', 'http/1.1'], 'h2'],
        [['own'], 'own'],
        [undefined, 'false'],
      ] as const) {
        const socket = await secure(port, offered === undefined ? {} : { ALPNProtocols: [...offered] });
        assert.equal(socket.getPeerX509Certificate()?.subject, "CN=the app's own");
        assert.equal(await ask(socket, 'hello'), `${chosen}: hello`);
        socket.destroy();
      }
      const old = await secure(port, { maxVersion: 'TLSv1.2' });
      assert.equal(old.getProtocol(), 'TLSv1.2');
      old.destroy();
      await eventually(async () => assert.match(String(await daemon.query('stats')), /connection_security_policy="none"/));
    });

    test('hands plaintext on, without an identity', async () => {
      const { port } = await start(await serving(xfccApp()), listener);
      assert.equal(await get(dial(port)), 'nobody');
    });

    test('puts hellos together that come in pieces, of either kind', async () => {
      const own = await start(await serving(tlsApp()), listener);
      const app = await recorder();
      const { port } = await start(app.port, listener);
      const foreign = await clientHello({ servername: 'own.test' });
      const whole = dial(port);
      for (const byte of foreign) whole.write(Buffer.from([byte]));
      await eventually(() => assert.deepEqual(app.bytes, foreign));
      const slow = await secure(await trickle(own.port), {});
      assert.equal(slow.getPeerX509Certificate()?.subject, "CN=the app's own");
      const peer = await secure(await trickle(own.port), sidecarOptions());
      assert.equal(peer.alpnProtocol, streamProtocol);
    });

    test('lets nobody in who only says that it is a sidecar', async () => {
      const app = await recorder();
      const { port } = await start(app.port, listener);
      for (const options of [{}, { maxVersion: 'TLSv1.2' as const }]) {
        const socket = connectTls({
          port,
          host: '127.0.0.1',
          rejectUnauthorized: false,
          ALPNProtocols: [streamProtocol],
          ...options,
        });
        socket.on('error', () => {}).end('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
        await new Promise(resolve => socket.on('close', resolve).resume());
      }
      assert.equal(app.connections, 0);
    });

    test('takes what begins like TLS and is none for what the port speaks', async () => {
      const app = await recorder();
      const { port } = await start(app.port, listener);
      const odd = Buffer.concat([Buffer.from([22, 3, 1, 0, 4]), Buffer.from('oddly')]);
      const client = dial(port);
      if (listener.protocol === 'http') {
        // To the app it could be a request that nobody has judged.
        assert.match(await ask(client, odd.toString('latin1')), /^HTTP\/1\.1 400 /);
        assert.equal(app.connections, 0);
        return;
      }
      client.write(odd);
      await eventually(() => assert.deepEqual(app.bytes, odd));
    });
  });
}

/** A port that leads to `port` byte by byte. */
function trickle(port: number): Promise<number> {
  return serving(
    createServer({ noDelay: true }, from => {
      const to = dial(port);
      from.on('error', () => {}).on('close', () => to.destroy());
      from.on('data', chunk => {
        for (const byte of chunk as Buffer) to.write(Buffer.from([byte]));
      });
      to.pipe(from);
    }),
  );
}

test('HTTP/2 with prior knowledge and in the clear is HTTP on a permissive port', async () => {
  const app = createHttp2Server();
  app.on('stream', (stream: ServerHttp2Stream) => stream.respond({ ':status': 204 }));
  const { port } = await start(await serving(app as unknown as Server), { mtls: 'permissive', protocol: 'http' });
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  afterTest(() => session.destroy());
  const stream = session.request({ ':path': '/' });
  const [headers] = await once(stream, 'response');
  assert.equal(headers[':status'], 204);
});

for (const protocol of ['tcp', 'auto'] as const) {
  test(`on a permissive ${protocol} port a server may speak first, and a sidecar may be late`, async () => {
    const greeting = createServer(socket => {
      socket.on('error', () => {}).write('220 ready\r\n');
      socket.on('data', chunk => socket.write(`250 ${chunk}`));
    });
    const { port } = await start(await serving(greeting), { mtls: 'permissive', protocol });
    const client = dial(port);
    const [hello] = await once(client, 'data');
    assert.equal(String(hello), '220 ready\r\n');
    assert.equal(await ask(client, 'EHLO a'), '250 EHLO a');

    // A silent server: until the client speaks nobody knows what it is.
    const silent = protocol === 'tcp' ? echo() : xfccApp();
    let dialled = 0;
    silent.on('connection', () => dialled++);
    const { port: quiet } = await start(await serving(silent), { mtls: 'permissive', protocol });
    const transport = dial(quiet);
    await eventually(() => assert.equal(dialled, 1), { what: 'the app is dialled for a client that is silent' });
    const late = connectTls({ socket: transport, ...sidecarOptions() });
    late.on('error', () => {});
    await once(late, 'secureConnect');
    if (protocol === 'tcp') assert.equal(await ask(late, 'late'), 'late');
    else assert.match(await get(late), /URI=spiffe/);
  });
}

test('on a disabled port nobody is asked anything: the app hears of the connection at once, and of every byte', async () => {
  const app = await recorder('220 ready\r\n');
  const { port } = await start(app.port, { mtls: 'disabled', protocol: 'tcp' });
  const client = dial(port);
  const [hello] = await once(client, 'data');
  assert.equal(String(hello), '220 ready\r\n');
  const meshHello = await clientHello({ ALPNProtocols: [streamProtocol] });
  client.write(meshHello);
  await eventually(() => assert.deepEqual(app.bytes, meshHello));
});

test("the host gets to a published port as without a mesh: plaintext, and the app's own TLS", async () => {
  const { port } = await start(await serving(tlsApp()), { protocol: 'http', published: true }, { hostAddress: '127.0.0.1' });
  const socket = await secure(port, {});
  assert.equal(socket.getPeerX509Certificate()?.subject, "CN=the app's own");
});

describe('what came in as plaintext, once the port is strict', () => {
  let swept = 0;
  /** The time that raw connections are left is short here. */
  const clock: Clock = {
    ...systemClock,
    after: (ms, fn) =>
      ms !== 5000
        ? systemClock.after(ms, fn)
        : systemClock.after(20, () => {
            fn();
            swept++;
          }),
  };
  const strict = { mtls: 'strict' as MtlsMode };

  test('ends: raw connections a little later, HTTP with its next answer at the latest', async () => {
    const { port, use } = await start(await serving(echo()), { mtls: 'permissive' }, { clock });
    const raw = dial(port);
    assert.equal(await ask(raw, 'hello'), 'hello');
    const peer = await secure(port, sidecarOptions());
    assert.equal(await ask(peer, 'hello'), 'hello');
    await use(strict);
    await new Promise(resolve => raw.on('close', resolve));
    assert.equal(await ask(peer, 'still here'), 'still here');

    const held = Promise.withResolvers<void>();
    const app = createHttpServer((incoming, answer) => void held.promise.then(() => answer.end(incoming.url)));
    const http = await start(await serving(app), { mtls: 'permissive', protocol: 'http' }, { clock });
    const idle = dial(http.port);
    const busy = dial(http.port);
    busy.write('GET /busy HTTP/1.1\r\nhost: a\r\n\r\n');
    await eventually(async () => assert.match(String(await http.daemon.query('stats')), /mesh_requests_in_progress[^\n]* 1/));
    await http.use({ ...strict, protocol: 'http' });
    const [answer] = await Promise.all([once(busy, 'data'), held.resolve()]);
    assert.match(String(answer), /^HTTP\/1\.1 200 .*connection: close.*\/busy/is);
    await new Promise(resolve => busy.on('close', resolve));
    idle.write('GET /idle HTTP/1.1\r\nhost: a\r\n\r\n');
    await new Promise(resolve => idle.on('close', resolve).resume());
  });

  test('stays where the host made it on a published port', async () => {
    const options = { clock, hostAddress: '127.0.0.1' };
    const { port, use } = await start(await serving(echo()), { mtls: 'disabled', published: true }, options);
    const raw = dial(port);
    assert.equal(await ask(raw, 'hello'), 'hello');
    const before = swept;
    await use({ ...strict, published: true });
    await eventually(() => assert.ok(swept > before));
    assert.equal(await ask(raw, 'still here'), 'still here');
  });

  test('is refused where it had said nothing yet', async () => {
    const app = await recorder();
    const { port, use, one } = await start(app.port, { mtls: 'permissive', protocol: 'http' });
    const silent = dial(port);
    await once(silent, 'connect');
    await eventually(() => assert.ok(silent.remotePort));
    await use({ ...strict, protocol: 'http' });
    silent.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    await new Promise(resolve => silent.on('close', resolve).resume());
    assert.equal(app.connections, 0);
    assert.ok(one.lines.some(line => line.includes('"reason":"plaintext"')));
  });
});
