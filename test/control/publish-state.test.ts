import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSettled, mustSend, type PublishState, syncState, unpublished } from '../../src/control/publish-state.ts';

const nack = { version: '2', reason: 'no' };
const cases: readonly [string, Partial<PublishState>, ReturnType<typeof syncState>, { send: boolean; settled: boolean }][] = [
  ['never heard of', {}, 'DISCONNECTED', { send: false, settled: true }],
  ['away, with a snapshot for it', { wanted: '1' }, 'DISCONNECTED', { send: false, settled: true }],
  ['connected before the first compile', { connected: true }, 'NOT SENT', { send: false, settled: true }],
  ['connected, nothing sent yet', { connected: true, wanted: '1' }, 'NOT SENT', { send: true, settled: false }],
  ['sent, no answer', { connected: true, wanted: '1', sent: '1' }, 'STALE', { send: false, settled: false }],
  ['acked', { connected: true, wanted: '1', sent: '1', acked: '1' }, 'SYNCED', { send: false, settled: true }],
  ['came back with the wanted version', { connected: true, wanted: '1', acked: '1' }, 'SYNCED', { send: false, settled: true }],
  ['came back with an older version', { connected: true, wanted: '2', acked: '1' }, 'NOT SENT', { send: true, settled: false }],
  ['a newer version is wanted', { connected: true, wanted: '2', sent: '1', acked: '1' }, 'STALE', { send: true, settled: false }],
  ['refused', { connected: true, wanted: '2', sent: '2', acked: '1', nack }, 'STALE', { send: false, settled: true }],
  [
    'refused, then edited',
    { connected: true, wanted: '3', sent: '2', acked: '1', nack },
    'STALE',
    { send: true, settled: false },
  ],
  [
    'refused, then edited back',
    { connected: true, wanted: '1', sent: '2', acked: '1', nack },
    'SYNCED',
    { send: false, settled: true },
  ],
];

for (const [what, change, sync, { send, settled }] of cases) {
  test(`${what}: ${sync}`, () => {
    const state = { ...unpublished, ...change };
    assert.equal(syncState(state), sync);
    assert.equal(mustSend(state), send, 'must be sent');
    assert.equal(isSettled(state), settled, 'settled');
  });
}
