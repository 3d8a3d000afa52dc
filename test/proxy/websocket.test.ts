/** WebSocket between whole sidecars with a real client and server: interception's place is taken, mTLS and the hop are real. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { eventually } from '../support/eventually.ts';
import { createTestCa } from '../support/test-ca.ts';
import { TestDaemon } from '../support/test-daemon.ts';
import { inboundOf, snapshotOf, startOnLoopback, towards } from './sidecar-fixture.ts';

const mebibyte = 1024 * 1024;

test('100 MB of messages come back as they were sent, then a close with its reason', async () => {
  const ca = createTestCa(Date.now());
  const app = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: 4 * mebibyte });
  await once(app, 'listening');
  app.on('connection', socket => socket.on('message', (data, binary) => socket.send(data, { binary })));
  const { port } = app.address() as AddressInfo;
  const server = await startOnLoopback('chat', ca, () => ({ address: '127.0.0.1', port }));
  const client = await startOnLoopback('web', ca, () => ({ address: '240.240.0.1', port: 9080 }));
  const serverDaemon = await TestDaemon.dial(server.sidecar.ports.control, ca, {});
  const clientDaemon = await TestDaemon.dial(client.sidecar.ports.control, ca, {});
  try {
    await serverDaemon.push(snapshotOf('chat', { version: '1', inbound: [inboundOf(port, 'chat', { protocol: 'http' })] }));
    await clientDaemon.push(snapshotOf('web', { version: '1', ...towards('chat', 'http', server.sidecar.ports.inbound) }));
    for (const daemon of [serverDaemon, clientDaemon])
      await eventually(async () =>
        assert.notEqual(((await daemon.query('state')) as { certificate: unknown }).certificate, null),
      );

    const socket = new WebSocket(`ws://127.0.0.1:${client.sidecar.ports.outbound}/`, { maxPayload: 4 * mebibyte });
    await once(socket, 'open');
    const sent = createHash('sha256');
    const back = createHash('sha256');
    const count = 100;
    let received = 0;
    const all = new Promise<void>((resolve, reject) => {
      socket.on('close', code => reject(new Error(`closed with ${code} after ${received} messages`)));
      socket.on('message', (data: RawData) => {
        back.update(data as Buffer);
        if (++received === count) resolve();
      });
    });
    for (let i = 0; i < count; i++) {
      // Sizes around the borders of frames and windows.
      const message = randomBytes(mebibyte + (i % 3) - 1);
      sent.update(message);
      await new Promise<void>((resolve, reject) => socket.send(message, error => (error ? reject(error) : resolve())));
    }
    await all;
    assert.equal(back.digest('hex'), sent.digest('hex'));
    socket.removeAllListeners('close');
    socket.close(1000, 'enough');
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    assert.deepEqual([code, reason.toString()], [1000, 'enough']);
  } finally {
    await client.sidecar.drain(0);
    await server.sidecar.drain(0);
    clientDaemon[Symbol.dispose]();
    serverDaemon[Symbol.dispose]();
    for (const each of app.clients) each.terminate();
    app.close();
  }
});
