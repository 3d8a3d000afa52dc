/** gRPC and HTTP/2 between whole sidecars: interception's place is taken, mTLS and the hop are real. */
import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { createTestCa } from '../support/test-ca.ts';
import { TestDaemon } from '../support/test-daemon.ts';
import { grpcClient, startGrpcServer, type TestMessage } from './grpc-service.ts';
import { inboundOf, snapshotOf, startOnLoopback, towards } from './sidecar-fixture.ts';

interface Duplex {
  write(message: TestMessage): boolean;
  end(): void;
  on(event: 'data', listener: (message: TestMessage) => void): this;
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: 'status', listener: (status: { code: number }) => void): this;
}

test('gRPC streams and HTTP/2 requests cross the mTLS hop', async () => {
  const ca = createTestCa(Date.now());
  await using app = await startGrpcServer();
  const server = await startOnLoopback('reviews', ca, () => ({ address: '127.0.0.1', port: app.port }));
  const client = await startOnLoopback('storefront', ca, () => ({ address: '240.240.0.1', port: 9080 }));
  const serverDaemon = await TestDaemon.dial(server.sidecar.ports.control, ca, {});
  const clientDaemon = await TestDaemon.dial(client.sidecar.ports.control, ca, {});
  try {
    const inbound = [inboundOf(app.port, 'reviews', { protocol: 'http', appProtocol: 'http2' })];
    await serverDaemon.push(snapshotOf('reviews', { version: '1', inbound }));
    await clientDaemon.push(
      snapshotOf('storefront', { version: '1', ...towards('reviews', 'http', server.sidecar.ports.inbound) }),
    );
    for (const daemon of [serverDaemon, clientDaemon])
      await eventually(async () =>
        assert.notEqual(((await daemon.query('state')) as { certificate: unknown }).certificate, null),
      );

    const calls = grpcClient(client.sidecar.ports.outbound);
    const call = (calls as unknown as Record<string, () => Duplex>)['duplex']?.() as Duplex;
    let bytes = 0;
    call.on('data', message => {
      bytes += message.payload?.length ?? 0;
    });
    const ended = new Promise<number>(resolve => call.on('error', () => {}).on('status', ({ code }) => resolve(code)));
    for (let i = 0; i < 50; i++) call.write({ sizes: [100_000], payload: 'p'.repeat(100_000) });
    call.end();
    assert.equal(await ended, 0);
    assert.equal(bytes, 5_000_000);
    calls.close();

    // The same hop by a plain HTTP/2 client, many requests at once.
    const session = connect(`http://127.0.0.1:${client.sidecar.ports.outbound}`);
    const statuses = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const stream = session.request({
          ':method': 'POST',
          ':path': '/grpc.testing.TestService/EmptyCall',
          ':authority': 'reviews:9080',
          'content-type': 'application/grpc',
          te: 'trailers',
        });
        stream.end(Buffer.from([0, 0, 0, 0, 2, 123, 125]));
        const trailers = await new Promise<Record<string, unknown>>((resolve, reject) =>
          stream.once('trailers', resolve).once('error', reject).resume(),
        );
        return trailers['grpc-status'];
      }),
    );
    assert.deepEqual(new Set(statuses), new Set(['0']));
    session.destroy();
  } finally {
    await client.sidecar.drain(0);
    await server.sidecar.drain(0);
    clientDaemon[Symbol.dispose]();
    serverDaemon[Symbol.dispose]();
  }
});
