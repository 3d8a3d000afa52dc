/** The pool of HTTP/2 connections, against node:http2 servers. */
import assert from 'node:assert/strict';
import { createServer as createHttp1 } from 'node:http';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect, createServer as createTcp, type Server, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { Deadlines } from '../../../src/async/deadline.ts';
import { CircuitBreaker } from '../../../src/proxy/cluster/circuit-breaker.ts';
import type { Http2PoolOptions } from '../../../src/proxy/cluster/endpoint-pool.ts';
import type { StreamPool } from '../../../src/proxy/cluster/stream-pool.ts';
import type { ResponseHandler, UpstreamStream } from '../../../src/proxy/exchange/upstream-stream.ts';
import { Http2Pool } from '../../../src/proxy/http2/http2-pool.ts';
import { SocketStream } from '../../../src/proxy/transport/socket-stream.ts';
import { ClusterMetrics } from '../../../src/telemetry/cluster-metrics.ts';
import { eventually } from '../../support/eventually.ts';
import { manualClock } from '../../support/manual-clock.ts';

interface Stage extends AsyncDisposable {
  readonly pool: Http2Pool;
  readonly sockets: Socket[];
  readonly clock: ReturnType<typeof manualClock>;
  readonly breaker: CircuitBreaker;
}

async function stage(
  server: Server | Http2Server,
  more: Partial<Http2PoolOptions> = {},
  limits: Parameters<CircuitBreaker['use']>[0] = {},
): Promise<Stage> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const sockets: Socket[] = [];
  const clock = manualClock();
  const counters = new ClusterMetrics().of('app');
  const breaker = new CircuitBreaker(counters);
  breaker.use(limits, counters);
  const pool = new Http2Pool(
    (onConnected, onFailed) => {
      const socket = connect({ port, host: '127.0.0.1' });
      sockets.push(socket);
      socket.once('connect', () => onConnected(new SocketStream(socket)));
      socket.once('error', () => onFailed('refused', ''));
      return () => socket.destroy();
    },
    {
      scheme: 'http',
      idle: new Deadlines(clock).of(60_000),
      onBug: error => assert.fail(String(error)),
      otherwise: null,
      breaker,
      maxRequestsPerConnection: 0,
      mayPing: false,
      ...more,
    },
    clock,
  );
  return {
    pool,
    sockets,
    clock,
    breaker,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

/** Asks the pool for a stream and sends a request; resolves when the answer has ended. */
function ask(pool: StreamPool): Promise<string> {
  return new Promise(resolve => {
    const handler: ResponseHandler = {
      interim() {},
      tunnelOpened() {},
      response: () => true,
      piece() {},
      trailers() {},
      responseEnded: () => resolve('ended'),
      responseLost: loss => resolve(loss),
      turnEnded() {},
      upstreamDrained() {},
    };
    const send = (stream: UpstreamStream): void => {
      stream.send(
        { method: 'GET', head: 'GET / HTTP/1.1\r\nhost: a\r\n', body: 0, upgrade: false, trailersWelcome: false },
        '',
        handler,
      );
      stream.end();
      stream.flush();
    };
    pool.open(send, failure => resolve(failure), false);
  });
}

function answering(settings = {}): Http2Server {
  const server = createServer({ settings });
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.respond({ ':status': 200 });
    stream.end('x');
  });
  return server;
}

test('requests at once share one connection, also those that came before it was there', async () => {
  await using all = await stage(answering());
  assert.deepEqual(await Promise.all([ask(all.pool), ask(all.pool), ask(all.pool)]), ['ended', 'ended', 'ended']);
  assert.equal(await ask(all.pool), 'ended');
  assert.equal(all.sockets.length, 1);
  assert.equal(all.breaker.connections, 1);
});

test('an idle connection ends after its time', async () => {
  await using all = await stage(answering());
  await ask(all.pool);
  all.clock.advance(61_000);
  await eventually(() => assert.ok(all.sockets[0]?.destroyed));
  assert.equal(all.breaker.connections, 0);
  assert.equal(await ask(all.pool), 'ended');
  assert.equal(all.sockets.length, 2);
});

test('another connection is made when the stream limit is reached, and a limit of connections makes requests wait', async () => {
  const open: (() => void)[] = [];
  const settings = { maxConcurrentStreams: 1 };
  const held = (): Http2Server =>
    createServer({ settings }).on('stream', (stream: ServerHttp2Stream) => {
      open.push(() => {
        stream.respond({ ':status': 200 });
        stream.end();
      });
    });
  await using free = await stage(held());
  const warm = ask(free.pool);
  await eventually(() => assert.equal(open.length, 1));
  const second = ask(free.pool);
  await eventually(() => assert.equal(free.sockets.length, 2));
  await eventually(() => assert.equal(open.length, 2));
  for (const answer of open.splice(0)) answer();
  assert.deepEqual(await Promise.all([warm, second]), ['ended', 'ended']);

  await using limited = await stage(held(), {}, { maxConnections: 1, maxPendingRequests: 1 });
  const first = ask(limited.pool);
  await eventually(() => assert.equal(open.length, 1));
  const waiting = ask(limited.pool);
  assert.equal(await ask(limited.pool), 'overflow');
  assert.equal(limited.breaker.pending, 1);
  open.shift()?.();
  assert.equal(await first, 'ended');
  await eventually(() => assert.equal(open.length, 1));
  open.shift()?.();
  assert.equal(await waiting, 'ended');
  assert.equal(limited.sockets.length, 1);
  assert.equal(limited.breaker.pending, 0);
});

test('a connection is let go after so many requests', async () => {
  await using all = await stage(answering(), { maxRequestsPerConnection: 2 });
  for (let i = 0; i < 5; i++) assert.equal(await ask(all.pool), 'ended');
  assert.equal(all.sockets.length, 3);
  await eventually(() => assert.ok(all.sockets[0]?.destroyed && all.sockets[1]?.destroyed));
});

test('a sidecar that does not answer a PING is given up', async () => {
  let got = '';
  const server = createTcp(socket => {
    socket.write('\0\0\0\x04\0\0\0\0\0', 'latin1');
    socket.on('data', bytes => {
      got += bytes.toString('latin1');
    });
  });
  await using all = await stage(server, { mayPing: true });
  const lost = ask(all.pool);
  await eventually(() => assert.ok(got.includes('PRI')));
  await eventually(() => {
    if (!got.includes('alive?')) all.clock.advance(15_000);
    assert.ok(got.includes('alive?'));
  });
  all.clock.advance(15_000);
  assert.equal(await lost, 'closed');
});

describe('a server of which nobody said that it speaks HTTP/2', () => {
  const other = (asked: string[]): StreamPool => ({
    open(_onStream, onFailed) {
      asked.push('http1');
      onFailed('refused', 'the other pool');
      return () => {};
    },
    close() {},
  });

  test('and that does not is asked once', async () => {
    const asked: string[] = [];
    await using all = await stage(createHttp1(), { otherwise: other(asked) });
    assert.deepEqual(await Promise.all([ask(all.pool), ask(all.pool)]), ['refused', 'refused']);
    assert.equal(await ask(all.pool), 'refused');
    assert.equal(asked.length, 3);
    assert.equal(all.sockets.length, 1);
  });

  test('and that hangs up is asked again next time', async () => {
    const asked: string[] = [];
    await using all = await stage(
      createTcp(socket => socket.destroy()),
      { otherwise: other(asked) },
    );
    assert.equal(await ask(all.pool), 'refused');
    assert.equal(await ask(all.pool), 'refused');
    assert.deepEqual(asked, ['http1', 'http1']);
    assert.equal(all.sockets.length, 2);
  });

  test('and that does is used', async () => {
    await using all = await stage(answering(), { otherwise: other([]) });
    assert.deepEqual(await Promise.all([ask(all.pool), ask(all.pool)]), ['ended', 'ended']);
    assert.equal(all.sockets.length, 1);
  });
});
