import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { copyToBlock, giveBack } from '../../src/proxy/transport/block-pool.ts';
import { lentBuffer } from '../../src/proxy/transport/read-buffer.ts';
import { SocketStream } from '../../src/proxy/transport/socket-stream.ts';

describe('the pool of blocks', () => {
  test('memory that was given back is used again', () => {
    const first = copyToBlock(Buffer.from('abcdef'), 1, 4);
    assert.equal(first.toString(), 'bcd');
    const other = copyToBlock(Buffer.from('xyz'), 0, 3);
    assert.notEqual(other.buffer, first.buffer);
    giveBack(first);
    assert.equal(copyToBlock(Buffer.from('again'), 0, 5).buffer, first.buffer);
    assert.equal(other.toString(), 'xyz');
  });

  test('memory of others is not taken, nor that of long pieces', () => {
    const foreign = Buffer.allocUnsafeSlow(64 * 1024);
    const long = copyToBlock(Buffer.alloc(65 * 1024, 1), 0, 65 * 1024);
    assert.equal(long.length, 65 * 1024);
    giveBack(foreign);
    giveBack(long);
    const next = copyToBlock(Buffer.from('next'), 0, 4).buffer;
    assert.notEqual(next, foreign.buffer);
    assert.notEqual(next, long.buffer);
  });
});

test('bytes that are lent reach a slow reader as they were, whatever the memory holds meanwhile', async t => {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [reader] = (await once(server, 'connection')) as [Socket];
  t.after(() => {
    client.destroy();
    reader.destroy();
    server.close();
  });
  const stream = new SocketStream(client);
  const lent = lentBuffer(32 * 1024);
  const pieces = 400;
  for (let i = 0; i < pieces; i++) {
    lent.fill(i % 251);
    stream.copy(lent, 0, lent.length);
  }
  lent.fill(255);
  stream.end();
  let at = 0;
  for await (const bytes of reader as AsyncIterable<Buffer>)
    for (const byte of bytes) {
      if (byte !== Math.floor(at / lent.length) % 251) assert.fail(`byte ${at} is ${byte}`);
      at++;
    }
  assert.equal(at, pieces * lent.length);
});
