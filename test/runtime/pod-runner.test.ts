import assert from 'node:assert/strict';
import { test } from 'node:test';
import { untilAborted } from '../../src/runtime/pod-runner.ts';

test('work that fails after the abort is nobody’s: its failure ends neither the wait nor the process', async () => {
  const reason = new Error('stopping');
  // A rejection that is left without a handler would fail this test.
  await assert.rejects(untilAborted(Promise.reject(new Error('late')), AbortSignal.abort(reason)), reason);
  const stopping = new AbortController();
  const work = Promise.withResolvers<never>();
  const waiting = untilAborted(work.promise, stopping.signal);
  stopping.abort(reason);
  await assert.rejects(waiting, reason);
  work.reject(new Error('late'));
  await new Promise(setImmediate);
});
