import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bell } from '../../src/async/bell.ts';

test('all who wait go on when it rings, once', async () => {
  const bell = new Bell();
  const { signal } = new AbortController();
  const both = Promise.all([bell.next(signal), bell.next(signal)]);
  assert.equal(bell.waiting, 2);
  bell.ring();
  await both;
  assert.equal(bell.waiting, 0);
});

test('who rang before is not heard by who comes later', async () => {
  const bell = new Bell();
  bell.ring();
  let heard = false;
  const next = bell.next(new AbortController().signal).then(() => {
    heard = true;
  });
  await new Promise(resolve => setImmediate(resolve));
  assert.equal(heard, false);
  bell.ring();
  await next;
});

test('a signal ends the waiting, also one that has aborted before', async () => {
  const bell = new Bell();
  const ending = new AbortController();
  const next = bell.next(ending.signal);
  ending.abort();
  await next;
  await bell.next(ending.signal);
  assert.equal(bell.waiting, 0);
});
