import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { bind } from '../../src/proxy/listener/bind.ts';
import { nothingRead, plainDownstream } from '../../src/proxy/listener/downstream.ts';
import { TcpSessions } from '../../src/proxy/tcp/tcp-proxy.ts';
import { SocketStream } from '../../src/proxy/transport/socket-stream.ts';
import { afterTest } from '../support/after-test.ts';
import { eventually } from '../support/eventually.ts';

/** `once` would reject at the error that comes before. */
const gone = (socket: Socket): Promise<void> => new Promise(resolve => socket.once('close', () => resolve()));

interface Line {
  /** The client's end. */
  readonly client: Socket;
  /** The server's end. */
  readonly server: Promise<Socket>;
  readonly sessions: TcpSessions;
  /** What `closed` was called with, every time. */
  readonly closed: (readonly [number, number])[];
}

/** client → proxy → server over real sockets. `initial`: bytes that were read before the proxy got the connection. */
async function line(initial = nothingRead, reachable = true): Promise<Line> {
  const server = Promise.withResolvers<Socket>();
  const app = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {});
    afterTest(() => socket.destroy());
    server.resolve(socket);
  });
  app.listen(0, '127.0.0.1');
  await once(app, 'listening');
  const address = app.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const sessions = new TcpSessions();
  const closed: (readonly [number, number])[] = [];
  const proxy = await bind(['127.0.0.1'], 0, socket => {
    sessions.proxy(plainDownstream(socket, initial, { address: '127.0.0.1', port }), {
      name: 'test',
      open(onConnected, onFailed) {
        if (!reachable) {
          onFailed('no endpoint');
          return () => {};
        }
        const upstream = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
        upstream.pause();
        const onError = (error: Error): void => onFailed(error.message);
        upstream.once('error', onError);
        upstream.once('connect', () => {
          upstream.off('error', onError);
          onConnected(new SocketStream(upstream));
        });
        return () => upstream.destroy();
      },
      closed: (received, sent) => closed.push([received, sent]),
    });
  });
  const client = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
  client.on('error', () => {});
  afterTest(() => {
    client.destroy();
    proxy.close();
    app.close();
    sessions.closeAll();
  });
  return { client, server: server.promise, sessions, closed };
}

test('bytes read before go first, ends pass one by one, and both directions are counted once', async () => {
  const { client, server: serverEnd, closed, sessions } = await line(Buffer.from('early '));
  client.end('late');
  const server = await serverEnd;
  let heard = '';
  server.on('data', chunk => {
    heard += chunk;
  });
  await once(server, 'end');
  assert.equal(heard, 'early late');
  server.end('answer');
  const [chunk] = await once(client, 'data');
  assert.equal(String(chunk), 'answer');
  await sessions.whenIdle();
  assert.deepEqual(closed, [[10, 6]]);
});

for (const direction of ['client', 'server'] as const) {
  test(`a ${direction} that does not read stops the other side's sending`, async () => {
    const { client, server: serverEnd } = await line();
    const server = await serverEnd;
    const [sender, reader] = direction === 'server' ? [client, server] : [server, client];
    const total = 64 * 1024 * 1024;
    const block = Buffer.alloc(1024 * 1024);
    let taken = 0;
    const send = (): void => {
      while (taken < total) {
        taken += block.length;
        if (!sender.write(block)) return;
      }
      sender.end();
    };
    sender.on('drain', send);
    reader.pause();
    send();
    // Everything stands still once the kernel's buffers and one chunk per hop are full: the same count at two looks in a row.
    let before = -1;
    await eventually(
      () => {
        const same = taken === before;
        before = taken;
        assert.ok(same);
      },
      { everyMs: 200 },
    );
    assert.ok(taken < total / 2, `${taken} bytes were taken`);
    let read = 0;
    reader.on('data', chunk => {
      read += chunk.length;
    });
    reader.resume();
    await once(reader, 'end');
    assert.equal(read, total);
  });

  test(`a reset by the ${direction} arrives as a reset`, async () => {
    const { client, server: serverEnd, closed } = await line();
    const server = await serverEnd;
    const [resetting, other] = direction === 'client' ? [client, server] : [server, client];
    const broken = gone(other);
    let code: string | undefined;
    other.on('error', error => {
      code = (error as NodeJS.ErrnoException).code;
    });
    other.resume();
    resetting.resetAndDestroy();
    await broken;
    assert.equal(code, 'ECONNRESET');
    assert.equal(closed.length, 1);
  });
}

test('where nothing can be reached the client is reset and zeros are counted', async () => {
  const { client, closed, sessions } = await line(nothingRead, false);
  let code: string | undefined;
  client.on('error', error => {
    code = (error as NodeJS.ErrnoException).code;
  });
  client.resume();
  await gone(client);
  assert.equal(code, 'ECONNRESET');
  assert.deepEqual(closed, [[0, 0]]);
  assert.equal(sessions.count, 0);
});

test('what is open can be ended', async () => {
  const { client, server, sessions } = await line();
  await server;
  await eventually(() => assert.equal(sessions.count, 1));
  client.resume();
  const ended = gone(client);
  sessions.closeAll();
  await Promise.all([ended, sessions.whenIdle()]);
});
