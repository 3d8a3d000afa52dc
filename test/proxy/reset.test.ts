import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { carriedBy, resetConnection } from '../../src/proxy/transport/reset.ts';
import { eventually } from '../support/eventually.ts';
import { createTestCa, newKey } from '../support/test-ca.ts';

const ca = createTestCa(Date.now());
const key = newKey();
const secrets = { key: key.export({ type: 'pkcs8', format: 'pem' }), cert: ca.issue(key, null) };

/** Whether the client saw a reset, after `end` has done its part at the server. */
async function ended(tls: boolean, end: (socket: Socket) => Promise<void> | void): Promise<boolean> {
  const server = createServer({ allowHalfOpen: true }, transport => {
    const socket = tls ? new TLSSocket(transport, { ...secrets, isServer: true }) : transport;
    if (tls) carriedBy(socket, transport);
    for (const one of new Set([transport, socket])) one.on('error', () => {});
    socket.once('data', async () => {
      await end(socket);
      resetConnection(socket);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const client = tls
    ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
    : connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let code: string | undefined;
  client.on('error', (error: NodeJS.ErrnoException) => {
    code = error.code;
  });
  client.on('end', () => client.destroy()).resume();
  client.write('hello');
  await new Promise(resolve => client.on('close', resolve));
  await new Promise(resolve => server.close(resolve));
  const open = (): string[] => process.getActiveResourcesInfo().filter(kind => kind.startsWith('TCP'));
  await eventually(() => assert.deepEqual(open(), [], 'a connection is open in the kernel'), { timeoutMs: 3000 });
  return code === 'ECONNRESET';
}

for (const tls of [false, true])
  describe(`a reset of ${tls ? 'TLS over TCP' : 'TCP'}`, () => {
    test('is one', async () => assert.equal(await ended(tls, () => {}), true));

    test('in the middle of what is written is one, also after the end was asked for', async () => {
      const write = (socket: Socket): void => void socket.end(Buffer.alloc(64 * 1024 * 1024));
      assert.equal(await ended(tls, write), true);
    });

    // Node answered EINVAL and forgot the handle, which stayed open for ever: a sidecar ran out of descriptors.
    test('while the end is on its way closes the connection', async () => {
      await ended(tls, socket => void socket.end());
      await ended(tls, async socket => {
        socket.end();
        await new Promise<void>(resolve => process.nextTick(() => process.nextTick(resolve)));
      });
    });
  });
