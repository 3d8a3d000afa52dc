/** A reader that does not read stops its sender, whatever the protocol and the direction: what is on its way stays bounded, and nothing of it is lost. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect, createServer as createTcp, type Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { TcpSessions } from '../../src/proxy/tcp/tcp-proxy.ts';
import type { RouteRule } from '../../src/snapshot/route-rule.ts';
import type { Snapshot } from '../../src/snapshot/snapshot.ts';
import { startHttp } from '../proxy/backend.ts';
import { clusterTo, outboundSnapshot, ruleTo, startPlane } from '../proxy/data-plane-harness.ts';
import { eventually } from '../support/eventually.ts';

const mb = 1024 * 1024;
/** What is sent, and what may be on its way when nobody reads: the kernel's buffers of two connections, mostly. */
const totalBytes = 96 * mb;
const maxOnTheWay = 40 * mb;
const piece = Buffer.alloc(64 * 1024, 120);

/** Sends everything as fast as it is taken. */
class Sender {
  sent = 0;
  blocked = false;
  readonly #to: Writable;

  constructor(to: Writable) {
    this.#to = to;
    to.on('error', () => {});
    to.on('drain', () => this.#more());
    this.#more();
  }

  #more(): void {
    this.blocked = false;
    while (this.sent < totalBytes && !this.blocked) {
      this.sent += piece.length;
      this.blocked = !this.#to.write(piece);
    }
  }

  /** Resolves when the sender has been held back and stays so. */
  async stalled(): Promise<number> {
    let before = -1;
    let same = 0;
    await eventually(
      () => {
        same = this.blocked && this.sent === before ? same + 1 : 0;
        before = this.sent;
        assert.ok(same >= 10, `${this.sent} bytes are on their way`);
      },
      { everyMs: 10, timeoutMs: 30_000 },
    );
    return this.sent;
  }
}

/** The one end sends, the other does not read; then it does. `skip`: bytes before the body. */
async function held(sender: Promise<Writable>, reader: Promise<Readable>, headBytes = 0): Promise<void> {
  const to = new Sender(await sender);
  const from = await reader;
  const onTheWay = await to.stalled();
  assert.ok(onTheWay <= maxOnTheWay, `${onTheWay} bytes`);
  let got = -headBytes;
  from.on('data', (part: Buffer) => {
    got += part.length;
  });
  from.resume();
  await eventually(() => assert.equal(got, totalBytes), { timeoutMs: 60_000 });
}

const listening = async (server: { listen(port: number, host: string): unknown; address(): unknown }): Promise<number> => {
  server.listen(0, '127.0.0.1');
  await once(server as Server, 'listening');
  return (server.address() as AddressInfo).port;
};

const plan = (port: number, more: Partial<RouteRule> = {}, protocol: 'http1' | 'http2' = 'http1'): Snapshot =>
  outboundSnapshot([clusterTo('app', [port], { protocol })], [ruleTo('app', more)]);

describe('a reader that does not read holds its sender back', () => {
  for (const [direction, rule] of [
    ['download', {}],
    ['upload', {}],
    ['download under a limit of bandwidth', { faults: [{ kind: 'bandwidth', bytesPerSecond: 40 * mb, percent: 100 }] }],
  ] as unknown as readonly (readonly [string, Partial<RouteRule>])[])
    test(`HTTP/1, ${direction}`, async () => {
      const appSide = Promise.withResolvers<Readable & Writable>();
      await using app = await startHttp((asked, response) => {
        if (direction === 'upload') appSide.resolve(asked as never);
        else {
          response.writeHead(200, { 'content-length': totalBytes }).flushHeaders();
          appSide.resolve(response as never);
        }
      });
      await using plane = await startPlane('outbound', plan(app.port, rule));
      const client = connect(plane.port, '127.0.0.1');
      client.on('error', () => {});
      try {
        if (direction === 'upload') {
          client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${totalBytes}\r\n\r\n`);
          await held(Promise.resolve(client), appSide.promise);
        } else {
          client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
          const [first] = (await once(client, 'data')) as [Buffer];
          client.pause();
          const head = first.indexOf('\r\n\r\n') + 4;
          await held(appSide.promise, Promise.resolve(client), head - first.length);
        }
        assert.deepEqual(plane.bugs, []);
      } finally {
        client.destroy();
      }
    });

  for (const grpc of [false, true])
    for (const direction of ['download', 'upload'] as const)
      test(`${grpc ? 'gRPC' : 'HTTP/2'}, ${direction}`, async () => {
        const appSide = Promise.withResolvers<Readable & Writable>();
        const app = createHttp2();
        app.on('session', session => session.on('error', () => {}));
        app.on('stream', (stream: ServerHttp2Stream) => {
          stream.on('error', () => {});
          stream.respond({ ':status': 200, 'content-type': grpc ? 'application/grpc' : 'text/plain' });
          appSide.resolve(stream);
        });
        const port = await listening(app);
        await using plane = await startPlane('outbound', plan(port, {}, 'http2'));
        const session = connectHttp2(`http://127.0.0.1:${plane.port}`);
        session.on('error', () => {});
        try {
          const stream = session.request({
            ':method': 'POST',
            ':path': '/',
            ...(grpc ? { 'content-type': 'application/grpc', te: 'trailers' } : {}),
          });
          stream.on('error', () => {});
          if (direction === 'upload') await held(Promise.resolve(stream), appSide.promise);
          else await held(appSide.promise, Promise.resolve(stream));
          assert.deepEqual(plane.bugs, []);
        } finally {
          session.destroy();
          app.close();
        }
      });

  for (const direction of ['down', 'up'] as const) {
    test(`WebSocket, ${direction}`, async () => {
      const appSide = Promise.withResolvers<Socket>();
      const app = createServer();
      app.on('upgrade', (_, socket) => {
        socket.on('error', () => {});
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
        appSide.resolve(socket as Socket);
      });
      const port = await listening(app);
      await using plane = await startPlane('outbound', plan(port));
      const client = connect(plane.port, '127.0.0.1');
      client.on('error', () => {});
      try {
        client.write(
          'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n',
        );
        await once(client, 'data');
        client.pause();
        await (direction === 'up'
          ? held(Promise.resolve(client), appSide.promise)
          : held(appSide.promise, Promise.resolve(client)));
        assert.deepEqual(plane.bugs, []);
      } finally {
        client.destroy();
        (await appSide.promise).destroy();
        app.close();
      }
    });

    test(`TCP, ${direction}`, async () => {
      const appSide = Promise.withResolvers<Socket>();
      const app = createTcp(socket => {
        socket.pause().on('error', () => {});
        appSide.resolve(socket);
      });
      const port = await listening(app);
      const snapshot = outboundSnapshot([clusterTo('app', [port])], [], {
        outbound: [
          {
            address: '240.240.0.1',
            port: 80,
            protocol: 'tcp',
            service: 'any',
            routeTable: '',
            tcp: [{ cluster: 'app', weight: 1 }],
          },
        ],
      });
      await using plane = await startPlane('outbound', snapshot, { tcp: new TcpSessions().proxy });
      const client = connect(plane.port, '127.0.0.1').pause();
      client.on('error', () => {});
      try {
        await (direction === 'up'
          ? held(Promise.resolve(client), appSide.promise)
          : held(appSide.promise, Promise.resolve(client)));
      } finally {
        client.destroy();
        (await appSide.promise).destroy();
        app.close();
      }
    });
  }
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

test('a mirror that does not read neither holds the request back nor saves it up', async () => {
  await using app = await startHttp((asked, response) => {
    let got = 0;
    asked.on('data', (part: Buffer) => {
      got += part.length;
    });
    asked.on('end', () => response.end(String(got)));
  });
  let copies = 0;
  await using copy = await startHttp(() => {
    copies++;
  });
  const snapshot = outboundSnapshot(
    [clusterTo('app', [app.port]), clusterTo('copy', [copy.port])],
    [ruleTo('app', { mirrors: [{ cluster: 'copy', percent: 100 }] })],
  );
  await using plane = await startPlane('outbound', snapshot);
  const client = connect(plane.port, '127.0.0.1');
  client.write(`POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${totalBytes + 1}\r\n\r\nx`);
  // Not before the copy is on its way: without a connection it would be given up sooner.
  await eventually(() => assert.equal(copies, 1));
  collect();
  const before = process.memoryUsage().external;
  const sender = new Sender(client);
  let answer = '';
  client.setEncoding('latin1').on('data', part => {
    answer += part;
  });
  await once(client, 'end');
  assert.match(answer, new RegExp(`${totalBytes + 1}$`));
  assert.equal(sender.sent, totalBytes);
  // What is still held, not what nobody has swept up yet.
  collect();
  assert.ok(process.memoryUsage().external - before < maxOnTheWay);
  assert.deepEqual(plane.bugs, []);
});
