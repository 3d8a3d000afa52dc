import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/async/clock.ts';

test('a time that no timer can hold is long, not none', async () => {
  // A delay of 24 days with as much jitter, or two of them on one request, let the request through at once.
  const order: string[] = [];
  const cancel = systemClock.after(2 ** 32, () => order.push('24 days'));
  await new Promise<void>(resolve => systemClock.after(5, resolve));
  cancel();
  assert.deepEqual(order, []);
});
