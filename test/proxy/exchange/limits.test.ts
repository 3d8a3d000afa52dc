/** Retries and the limits of a cluster, through real connections. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import type { RetryCondition, RetryPolicy } from '../../../src/snapshot/route-rule.ts';
import type { Cluster } from '../../../src/snapshot/snapshot.ts';
import { eventually } from '../../support/eventually.ts';
import { bodyOf, exchangeRaw, get, headerOf, startHttp, startRaw, statusOf } from '../backend.ts';
import { clusterTo, type Harness, outboundSnapshot, ruleTo, startPlane } from '../data-plane-harness.ts';

const policy: RetryPolicy = { attempts: 1, on: [], statusCodes: [], perTryTimeoutMs: null, methods: ['GET'], backoffBaseMs: 1 };

function planeTo(port: number, cluster: Partial<Cluster>, on: readonly RetryCondition[] = []): Promise<Harness> {
  const rule = ruleTo('a', { retry: on.length === 0 ? null : { ...policy, on } });
  return startPlane('outbound', outboundSnapshot([clusterTo('a', [port], cluster)], [rule], { accessLog: 'json' }));
}

const lastFlag = (plane: Harness): unknown =>
  (JSON.parse(plane.accessLog.at(-1) ?? '{}') as Record<string, unknown>)['response_flags'];

describe('retries', () => {
  const answers: readonly (readonly [RetryCondition, number, Readonly<Record<string, string>>])[] = [
    ['5xx', 501, {}],
    ['gateway-error', 502, {}],
    ['retriable-4xx', 409, {}],
    ['envoy-ratelimited', 429, { 'x-envoy-ratelimited': 'true' }],
    ['cancelled', 200, { 'grpc-status': '1' }],
    ['deadline-exceeded', 200, { 'grpc-status': '4' }],
    ['resource-exhausted', 200, { 'grpc-status': '8' }],
    ['internal', 200, { 'grpc-status': '13' }],
    ['unavailable', 200, { 'grpc-status': '14' }],
  ];
  for (const [condition, status, headers] of answers) {
    test(`${condition} asks again after ${status} ${JSON.stringify(headers)} and nothing else does`, async () => {
      let asked = 0;
      await using app = await startHttp((_, res) => {
        if (++asked % 2 === 1) res.writeHead(status, headers).end();
        else res.end('second');
      });
      await using plane = await planeTo(app.port, {}, [condition]);
      assert.equal(bodyOf(await exchangeRaw(plane.port, get('/'))), 'second');
      const others = answers.map(([other]) => other).filter(other => other !== condition && !(other === '5xx' && status >= 500));
      await using deaf = await planeTo(
        app.port,
        {},
        others.filter(other => other !== 'gateway-error' || status < 502),
      );
      asked = 0;
      assert.equal(statusOf(await exchangeRaw(deaf.port, get('/'))), status);
    });
  }

  test('a retry that has no room leaves the answer there is, flagged UO', async () => {
    await using app = await startHttp((_, res) => res.writeHead(503, { 'content-length': 5 }).end('first'));
    await using plane = await planeTo(app.port, { limits: { maxRetries: 0 } }, ['5xx']);
    const answer = await exchangeRaw(plane.port, get('/'));
    assert.deepEqual([statusOf(answer), bodyOf(answer), lastFlag(plane)], [503, 'first', 'UO']);
  });
});

describe('limits', () => {
  const overflow = 'upstream connect error or disconnect/reset before headers. reset reason: overflow';

  test('one request too many is 503 UO at once, and there is room again afterwards', async () => {
    const held: ServerResponse[] = [];
    await using app = await startHttp((req, res) => {
      if (req.url === '/hold') held.push(res);
      else res.end('fine');
    });
    await using plane = await planeTo(app.port, { limits: { maxRequests: 1 } });
    const first = exchangeRaw(plane.port, get('/hold'));
    await eventually(() => assert.equal(held.length, 1));
    const second = await exchangeRaw(plane.port, get('/'));
    assert.deepEqual(
      [statusOf(second), bodyOf(second), headerOf(second, 'x-envoy-overloaded'), lastFlag(plane)],
      [503, overflow, 'true', 'UO'],
    );
    held[0]?.end('held');
    assert.equal(bodyOf(await first), 'held');
    assert.equal(bodyOf(await exchangeRaw(plane.port, get('/'))), 'fine');
  });

  test('requests wait for a connection in order, as many as may', async () => {
    const held: ServerResponse[] = [];
    await using app = await startHttp((_, res) => held.push(res));
    await using plane = await planeTo(app.port, { limits: { maxConnections: 1, maxPendingRequests: 1 } });
    const first = exchangeRaw(plane.port, get('/1'));
    await eventually(() => assert.equal(held.length, 1));
    // Whichever comes first waits.
    const both = [exchangeRaw(plane.port, get('/2')), exchangeRaw(plane.port, get('/3'))];
    const refused = await Promise.race(both);
    assert.deepEqual([statusOf(refused), bodyOf(refused)], [503, overflow]);
    held[0]?.end('one');
    assert.equal(bodyOf(await first), 'one');
    await eventually(() => assert.equal(held.length, 2));
    held[1]?.end('two');
    assert.deepEqual((await Promise.all(both)).map(bodyOf).sort(), ['two', overflow]);
    assert.equal(app.connections(), 1);
  });

  test('who waits gets a connection of its own when the one it waited for is lost', async () => {
    const first = Promise.withResolvers<Socket>();
    await using app = await startRaw((socket, nth) =>
      socket.once('data', () => {
        if (nth === 1) first.resolve(socket);
        else socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      }),
    );
    await using plane = await planeTo(app.port, { limits: { maxConnections: 1, maxPendingRequests: 1 } });
    const losing = exchangeRaw(plane.port, get('/1'));
    const socket = await first.promise;
    // Only with one of them in the queue is there no room for the other.
    const both = [exchangeRaw(plane.port, get('/2')), exchangeRaw(plane.port, get('/3'))];
    assert.equal(bodyOf(await Promise.race(both)), overflow);
    socket.destroy();
    assert.equal(statusOf(await losing), 503);
    assert.deepEqual((await Promise.all(both)).map(bodyOf).sort(), ['ok', overflow]);
  });

  test('a connection serves as many requests as it may', async () => {
    await using app = await startHttp((_, res) => res.end('ok'));
    await using plane = await planeTo(app.port, { maxRequestsPerConnection: 2 });
    for (let i = 0; i < 4; i++) assert.equal(bodyOf(await exchangeRaw(plane.port, get('/'))), 'ok');
    assert.equal(app.connections(), 2);
  });
});

test('trailers pass both ways in the chunked coding', async () => {
  let asked = '';
  await using app = await startRaw(socket =>
    socket.on('data', bytes => {
      asked += bytes.toString('latin1');
      if (asked.endsWith('\r\nx-sum: 1\r\n\r\n'))
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\ngrpc-status: 0\r\n\r\n');
    }),
  );
  await using plane = await planeTo(app.port, {});
  const answer = await exchangeRaw(
    plane.port,
    'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n',
  );
  assert.match(asked, /\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n$/);
  assert.match(answer, /\r\n\r\n2\r\nok\r\n0\r\ngrpc-status: 0\r\n\r\n$/);
});
