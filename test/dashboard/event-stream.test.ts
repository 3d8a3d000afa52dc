import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEvents, type StreamEvent } from '../../src/dashboard/server/event-stream.ts';

async function read(chunks: readonly string[]): Promise<readonly StreamEvent[]> {
  async function* source(): AsyncGenerator<string> {
    yield* chunks;
  }
  const events: StreamEvent[] = [];
  for await (const event of readEvents(source())) events.push(event);
  return events;
}

test('messages come whole, however the bytes were cut', async () => {
  const text = ': ping\n\nid: 4\ndata: {"a": 1}\n\nevent: error\ndata: x\ndata: y\r\n\r\ndata:tight\n\ndata: never ended';
  const whole = [
    { event: 'message', data: '{"a": 1}' },
    { event: 'error', data: 'x\ny' },
    { event: 'message', data: 'tight' },
  ];
  assert.deepEqual(await read([text]), whole);
  assert.deepEqual(await read([...text]), whole);
});
