/**
 * The driver below Node's sockets: where it is used, and where the public methods are. What it does is in the contract of byte streams, which runs for both.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { DirectIo } from '../../src/proxy/transport/direct-io.ts';
import { eventually } from '../support/eventually.ts';

const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
const sockets: Socket[] = [];
after(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

async function pair(): Promise<{ near: Socket; far: Socket }> {
  if (!server.listening) await once(server, 'listening');
  const near = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  const [far] = (await once(server, 'connection')) as [Socket];
  if (near.connecting) await once(near, 'connect');
  sockets.push(near, far);
  return { near: near.pause(), far };
}

class Owner {
  text = '';
  drains = 0;
  taken(bytes: Buffer, length: number): void {
    this.text += bytes.toString('latin1', 0, length);
  }
  drained(): void {
    this.drains++;
  }
}

test('the Node of the sidecar is the one that the driver was written for', async () => {
  const { near, far } = await pair();
  const owner = new Owner();
  const direct = DirectIo.over(far, owner, false);
  assert.ok(direct !== null);
  near.write('before');
  direct.reads(true);
  await eventually(() => assert.equal(owner.text, 'before'));
  assert.equal(far.readableLength, 0);
  direct.reads(false);
  near.write('meanwhile');
  direct.write('answer');
  const [answer] = (await once(near.resume(), 'data')) as [Buffer];
  assert.equal(answer.toString(), 'answer');
  assert.equal(owner.text, 'before');
  direct.reads(true);
  await eventually(() => assert.equal(owner.text, 'beforemeanwhile'));
});

test('what Node has read already comes first', async () => {
  const { near, far } = await pair();
  far.on('readable', () => {});
  near.write('early');
  await eventually(() => assert.equal(far.readableLength, 5));
  const owner = new Owner();
  far.removeAllListeners('readable');
  const direct = DirectIo.over(far, owner, false);
  assert.equal(owner.text, 'early');
  near.write(' late');
  direct?.reads(true);
  await eventually(() => assert.equal(owner.text, 'early late'));
});

test('a socket that is not there yet, is gone, has writes on their way or another shape keeps its public methods', async () => {
  const owner = new Owner();
  const pending = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
  sockets.push(pending);
  assert.equal(DirectIo.over(pending, owner, false), null);
  const { near, far } = await pair();
  while (near.write(Buffer.alloc(1_000_000)));
  assert.equal(DirectIo.over(near, owner, false), null);
  const handle: unknown = Reflect.get(far, '_handle');
  Reflect.set(far, '_handle', { readStart() {}, readStop() {} });
  assert.equal(DirectIo.over(far, owner, false), null);
  Reflect.set(far, '_handle', handle);
  far.destroy();
  assert.equal(DirectIo.over(far, owner, false), null);
});
