/** Active health checks, over real sockets. */
import assert from 'node:assert/strict';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { describe, test } from 'node:test';
import type { Cluster, Snapshot } from '../../src/snapshot/snapshot.ts';
import { eventually } from '../support/eventually.ts';
import { bodyOf, exchangeRaw, get, statusOf } from './backend.ts';
import { clusterTo, freePort, outboundSnapshot, ruleTo, startPlane } from './data-plane-harness.ts';
import { metric, only, startReplica } from './policy-mesh.ts';

describe('health checks', () => {
  const healthCheck: NonNullable<Cluster['healthCheck']> = {
    probe: { kind: 'http', path: '/health', statuses: [200] },
    intervalMs: 20,
    timeoutMs: 5000,
    healthyThreshold: 1,
    unhealthyThreshold: 2,
  };

  test('HTTP: an ill replica gets no traffic until it is well, and nobody is asked without a policy', async () => {
    await using stack = new AsyncDisposableStack();
    const replicas = [await startReplica('r1', stack), await startReplica('r2', stack)] as const;
    const ports = replicas.map(({ port }) => port);
    const snapshot = (more: Partial<Cluster>, version: string): Snapshot =>
      outboundSnapshot([clusterTo('app', ports, more)], [ruleTo('app')], { version });
    const caller = stack.use(await startPlane('outbound', snapshot({ healthCheck }, '1')));
    const healthy = (count: number): Promise<void> =>
      eventually(() => assert.equal(metric(caller, 'envoy_cluster_membership_healthy'), count));
    replicas[0].status = 500;
    await healthy(1);
    for (let i = 0; i < 6; i++) assert.deepEqual(only([bodyOf(await exchangeRaw(caller.port, get('/')))]), ['r2']);
    replicas[1].status = 500;
    await healthy(0);
    const none = await exchangeRaw(caller.port, get('/'));
    assert.equal(statusOf(none), 503);
    assert.match(bodyOf(none), /no healthy upstream/);
    for (const replica of replicas) replica.status = 200;
    await healthy(2);
    assert.equal(statusOf(await exchangeRaw(caller.port, get('/'))), 200);

    replicas[0].status = 500;
    await healthy(1);
    caller.plane.apply(snapshot({}, '2'));
    assert.deepEqual(caller.bugs, []);
    const asked = replicas[1].asked.length;
    const all = new Set<number>();
    for (let i = 0; i < 4; i++) all.add(statusOf(await exchangeRaw(caller.port, get('/'))));
    assert.deepEqual(all, new Set([200, 500]));
    assert.equal(replicas[1].asked.slice(asked).filter(url => url === '/health').length, 0);
  });

  test('TCP: a port that nobody listens on', async () => {
    await using stack = new AsyncDisposableStack();
    const replica = await startReplica('r1', stack);
    const cluster = clusterTo('app', [await freePort(), replica.port], {
      healthCheck: { ...healthCheck, probe: { kind: 'tcp' } },
    });
    const caller = stack.use(await startPlane('outbound', outboundSnapshot([cluster], [ruleTo('app')])));
    await eventually(() => assert.equal(metric(caller, 'envoy_cluster_membership_healthy'), 1));
    for (let i = 0; i < 4; i++) assert.equal(statusOf(await exchangeRaw(caller.port, get('/'))), 200);
  });

  test('gRPC: SERVING is well, everything else is not', async () => {
    await using stack = new AsyncDisposableStack();
    let answer: (stream: ServerHttp2Stream) => void = () => {};
    const asked: string[] = [];
    const server = createHttp2Server();
    server.on('stream', (stream: ServerHttp2Stream, headers) => {
      const parts: Buffer[] = [];
      stream.on('error', () => {});
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        asked.push(`${headers[':path']} ${headers['content-type']} ${Buffer.concat(parts).toString('hex')}`);
        answer(stream);
      });
    });
    const respond =
      (message: readonly number[], status: string) =>
      (stream: ServerHttp2Stream): void => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }));
        stream.end(Buffer.from(message));
      };
    const serving = respond([0, 0, 0, 0, 2, 8, 1], '0');
    answer = serving;
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const port = (server.address() as { port: number }).port;
    const cluster = clusterTo('app', [port], {
      protocol: 'http2',
      healthCheck: { ...healthCheck, unhealthyThreshold: 1, probe: { kind: 'grpc', service: 'shop.Api' } },
    });
    const caller = await startPlane('outbound', outboundSnapshot([cluster], [ruleTo('app')]));
    stack.defer(async () => {
      await caller[Symbol.asyncDispose]();
      await new Promise(resolve => server.close(resolve));
    });
    const healthy = (count: number): Promise<void> =>
      eventually(() => assert.equal(metric(caller, 'envoy_cluster_membership_healthy'), count));
    await eventually(() => assert.ok(asked.length > 1));
    assert.equal(
      asked[0],
      `/grpc.health.v1.Health/Check application/grpc 000000000a0a08${Buffer.from('shop.Api').toString('hex')}`,
    );
    for (const wrong of [
      respond([0, 0, 0, 0, 2, 8, 2], '0'),
      respond([], '5'),
      respond([0, 0, 0, 0, 0], '0'),
      (stream: ServerHttp2Stream): void =>
        stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' }, { endStream: true }),
    ]) {
      answer = serving;
      await healthy(1);
      answer = wrong;
      await healthy(0);
    }
    assert.deepEqual(caller.bugs, []);
  });
});
