import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MeshEvent } from '../../src/api/types.ts';
import { EventLog } from '../../src/daemon/event-log.ts';

const never = new AbortController().signal;

async function take(events: AsyncIterable<MeshEvent>): Promise<number[]> {
  const numbers: number[] = [];
  for await (const { seq } of events) numbers.push(seq);
  return numbers;
}

test('a late reader sees what was before it, then what comes, each once', async () => {
  const log = new EventLog(() => 0);
  log.emit({ kind: 'healthy' });
  const reading = take(log.read(0, never));
  log.emit({ kind: 'healthy' });
  log.emit({ kind: 'healthy' });
  log.close();
  assert.deepEqual(await reading, [1, 2, 3]);
});

test('a reader goes on after the number that it knows', async () => {
  const log = new EventLog(() => 0);
  for (let i = 0; i < 5; i++) log.emit({ kind: 'healthy' });
  log.close();
  assert.deepEqual(await take(log.read(3, never)), [4, 5]);
});

test('a reader that comes after more events than are kept gets the kept ones', async () => {
  const log = new EventLog(() => 0);
  for (let i = 0; i < 1500; i++) log.emit({ kind: 'healthy' });
  log.close();
  const seen = await take(log.read(0, never));
  assert.equal(seen.length, 1000);
  assert.equal(seen[0], 501);
});

test('the signal ends a waiting reader', async () => {
  const log = new EventLog(() => 0);
  const gone = new AbortController();
  const reading = take(log.read(0, gone.signal));
  gone.abort();
  assert.deepEqual(await reading, []);
});

test('a reader that is more than the kept events behind is told how many it missed, and goes on', async () => {
  const log = new EventLog(() => 0);
  log.emit({ kind: 'healthy' });
  const reading = log.read(0, never);
  assert.equal((await reading.next()).value?.seq, 1);
  for (let i = 0; i < 1500; i++) log.emit({ kind: 'healthy' });
  const at = '1970-01-01T00:00:00.000Z';
  assert.deepEqual((await reading.next()).value, { seq: 501, at, kind: 'gap', missed: 500 });
  assert.deepEqual((await reading.next()).value, { seq: 502, at, kind: 'healthy' });
  // One that comes back with a number from before is told as well.
  assert.deepEqual((await log.read(301, never).next()).value, { seq: 501, at, kind: 'gap', missed: 200 });
});
