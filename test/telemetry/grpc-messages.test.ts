import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GrpcMessages } from '../../src/telemetry/grpc-messages.ts';

function message(length: number): Buffer {
  const bytes = Buffer.alloc(5 + length, 0xff);
  bytes[0] = 0;
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

const lengths = [0, 1, 300, 0, 70_000];
const stream = Buffer.concat(lengths.map(message));

for (const piece of [1, 3, 5, 7, 1000, stream.length]) {
  test(`messages are counted when they come in pieces of ${piece} bytes`, () => {
    const messages = new GrpcMessages();
    for (let at = 0; at < stream.length; at += piece) messages.take(stream, at, Math.min(stream.length, at + piece));
    assert.equal(messages.count, lengths.length);
  });
}

test('a prefix that is not whole is no message, and a length of 4 GiB is one', () => {
  const messages = new GrpcMessages();
  messages.take(Buffer.from([0, 0xff, 0xff, 0xff]), 0, 4);
  assert.equal(messages.count, 0);
  messages.take(Buffer.from([0xff]), 0, 1);
  assert.equal(messages.count, 1);
  for (let i = 0; i < 100; i++) messages.take(stream, 0, stream.length);
  assert.equal(messages.count, 1);
});
