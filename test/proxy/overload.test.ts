/** What a circuit breaker lets through, over real sockets. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { TcpSessions } from '../../src/proxy/tcp/tcp-proxy.ts';
import type { RetryPolicy } from '../../src/snapshot/route-rule.ts';
import type { Snapshot } from '../../src/snapshot/snapshot.ts';
import { eventually } from '../support/eventually.ts';
import { bodyOf, exchangeRaw, get, headerOf, startHttp, startRaw, statusOf } from './backend.ts';
import { clusterTo, outboundSnapshot, ruleTo, startPlane } from './data-plane-harness.ts';
import { metric } from './policy-mesh.ts';

describe('circuit breaker', () => {
  /** An app that answers when it is told to. */
  async function startSlowApp(stack: AsyncDisposableStack, status = 200) {
    const open: ServerResponse[] = [];
    const app = stack.use(await startHttp((_, response) => void open.push(response)));
    const release = (): void => {
      for (const response of open.splice(0)) response.writeHead(status).end('done');
    };
    return { app, open, release };
  }

  test('one connection and one that waits: the third request gets 503 UO, the two pass', async () => {
    await using stack = new AsyncDisposableStack();
    const { app, open, release } = await startSlowApp(stack);
    const cluster = clusterTo('app', [app.port], { limits: { maxConnections: 1, maxPendingRequests: 1 } });
    const caller = stack.use(await startPlane('outbound', outboundSnapshot([cluster], [ruleTo('app')], { accessLog: 'json' })));
    const first = exchangeRaw(caller.port, get('/first'));
    await eventually(() => assert.equal(open.length, 1));
    const others = [exchangeRaw(caller.port, get('/a')), exchangeRaw(caller.port, get('/b'))];
    const refused = await Promise.race(others);
    assert.equal(statusOf(refused), 503);
    assert.equal(headerOf(refused, 'x-envoy-overloaded'), 'true');
    assert.match(bodyOf(refused), /reset reason: overflow/);
    assert.equal(metric(caller, 'envoy_cluster_upstream_rq_pending_overflow'), 1);
    release();
    assert.equal(statusOf(await first), 200);
    await eventually(() => assert.equal(open.length, 1));
    release();
    assert.deepEqual((await Promise.all(others)).map(statusOf).sort(), [200, 503]);
    assert.equal(app.connections(), 1);
    assert.ok(caller.accessLog.some(line => line.includes('"response_flags":"UO"')));
    assert.deepEqual(caller.bugs, []);
  });

  test('requests in progress are bounded, and those that end make room', async () => {
    await using stack = new AsyncDisposableStack();
    const { app, open, release } = await startSlowApp(stack);
    const cluster = clusterTo('app', [app.port], { limits: { maxRequests: 1 } });
    const caller = stack.use(await startPlane('outbound', outboundSnapshot([cluster], [ruleTo('app')])));
    for (let round = 0; round < 2; round++) {
      const first = exchangeRaw(caller.port, get('/'));
      await eventually(() => assert.equal(open.length, 1));
      assert.equal(statusOf(await exchangeRaw(caller.port, get('/'))), 503);
      release();
      assert.equal(statusOf(await first), 200);
    }
  });

  test('a client that goes away while it waits frees its place', async () => {
    await using stack = new AsyncDisposableStack();
    const { app, open, release } = await startSlowApp(stack);
    const cluster = clusterTo('app', [app.port], { limits: { maxConnections: 1, maxPendingRequests: 1 } });
    const caller = stack.use(await startPlane('outbound', outboundSnapshot([cluster], [ruleTo('app')], { accessLog: 'json' })));
    const first = exchangeRaw(caller.port, get('/'));
    await eventually(() => assert.equal(open.length, 1));
    const waiting = new Set<Socket>();
    const refused = new Promise<Socket>(resolve => {
      for (const socket of [0, 1].map(() => connect({ host: '127.0.0.1', port: caller.port }))) {
        stack.defer(() => void socket.destroy());
        socket.on('error', () => {});
        socket.write(get('/'));
        socket.once('data', () => resolve(socket));
        waiting.add(socket);
      }
    });
    waiting.delete(await refused);
    for (const socket of waiting) socket.resetAndDestroy();
    await eventually(() => assert.ok(caller.accessLog.some(line => line.includes('"response_flags":"DC"'))));
    const next = exchangeRaw(caller.port, get('/'));
    release();
    assert.equal(statusOf(await first), 200);
    await eventually(() => assert.equal(open.length, 1));
    release();
    assert.equal(statusOf(await next), 200);
  });

  test('retries are bounded: the failure there is comes back, with flag UO, and a retry that is over makes room', async () => {
    await using stack = new AsyncDisposableStack();
    const retry: RetryPolicy = {
      attempts: 2,
      on: ['5xx'],
      statusCodes: [],
      perTryTimeoutMs: null,
      methods: ['GET'],
      backoffBaseMs: 1,
    };
    let calls = 0;
    const app = stack.use(
      await startHttp((request, response) => {
        calls++;
        const fails = request.url === '/always' || request.headers['x-envoy-attempt-count'] === '1';
        response.writeHead(fails ? 500 : 200).end();
      }),
    );
    const snapshot = (maxRetries: number): Snapshot =>
      outboundSnapshot([clusterTo('app', [app.port], { limits: { maxRetries } })], [ruleTo('app', { retry })], {
        accessLog: 'json',
        version: String(maxRetries),
      });
    const caller = stack.use(await startPlane('outbound', snapshot(0)));
    assert.equal(statusOf(await exchangeRaw(caller.port, get('/'))), 500);
    assert.equal(calls, 1);
    assert.equal(metric(caller, 'envoy_cluster_upstream_rq_retry_overflow'), 1);
    assert.match(caller.accessLog.at(-1) ?? '', /"response_flags":"[A-Z,]*UO/);
    caller.plane.apply(snapshot(1));
    for (let i = 0; i < 5; i++) assert.equal(statusOf(await exchangeRaw(caller.port, get('/'))), 200);
    for (let i = 0; i < 3; i++) assert.equal(statusOf(await exchangeRaw(caller.port, get('/always'))), 500);
    assert.equal(calls, 1 + 10 + 9);
    assert.equal(metric(caller, 'envoy_cluster_upstream_rq_retry_overflow'), 1);
  });

  test('raw TCP beyond the connections is closed', async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startRaw(socket => socket.write('hello')));
    const cluster = clusterTo('db', [server.port], { limits: { maxConnections: 1 } });
    const caller = stack.use(
      await startPlane(
        'outbound',
        {
          ...outboundSnapshot([cluster], []),
          outbound: [
            {
              address: '240.240.0.1',
              port: 80,
              protocol: 'tcp',
              service: 'db',
              routeTable: 'all',
              tcp: [{ cluster: 'db', weight: 1 }],
            },
          ],
        },
        { tcp: new TcpSessions().proxy },
      ),
    );
    const hello = (): Promise<{ readonly text: string; readonly close: () => void }> =>
      new Promise(resolve => {
        const socket = connect({ host: '127.0.0.1', port: caller.port });
        socket.on('error', () => {});
        const close = (): void => void socket.resetAndDestroy();
        socket.once('data', data => resolve({ text: data.toString(), close }));
        socket.once('close', () => resolve({ text: '', close }));
      });
    const first = await hello();
    assert.equal(first.text, 'hello');
    assert.equal((await hello()).text, '');
    assert.equal(metric(caller, 'envoy_cluster_upstream_cx_overflow'), 1);
    first.close();
    await eventually(async () => {
      const next = await hello();
      next.close();
      assert.equal(next.text, 'hello');
    });
  });
});
