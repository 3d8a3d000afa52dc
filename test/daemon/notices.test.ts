import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MeshEventBody } from '../../src/api/types.ts';
import { noticeOf } from '../../src/daemon/control-notices.ts';
import { Notices } from '../../src/daemon/notices.ts';
import { policyEvents } from '../../src/daemon/observe/policy-events.ts';
import { manualClock } from '../support/manual-clock.ts';

function setUp() {
  const clock = manualClock();
  const told: MeshEventBody[] = [];
  return { clock, told, notices: new Notices(clock, event => told.push(event)) };
}

function take(notices: Notices, ...all: readonly (MeshEventBody | null)[]): void {
  for (const notice of all) if (notice !== null) notices.take(notice);
}

test('what many sidecars refuse for one reason is one event, and another reason another one', () => {
  const { clock, told, notices } = setUp();
  for (const [workload, reason] of [
    ['b-1', 'no such port'],
    ['a-1', 'no such port'],
    ['c-1', 'no such filter'],
  ] as const)
    take(notices, noticeOf({ kind: 'nack', workload, version: '1', reason }));
  assert.deepEqual(told, []);
  clock.advance(1_000);
  assert.deepEqual(told, [
    { kind: 'nack', workloads: ['a-1', 'b-1'], reason: 'no such port' },
    { kind: 'nack', workloads: ['c-1'], reason: 'no such filter' },
  ]);
});

test('what goes on is told once a minute, with all that came meanwhile, and at once again when it was over', () => {
  const { clock, told, notices } = setUp();
  const renew = (workload: string): void =>
    take(notices, noticeOf({ kind: 'issued', workload, spiffeId: '', serialNumber: '1', expiresAtMs: 1 }));
  renew('a-1');
  clock.advance(1_000);
  for (const workload of ['b-1', 'c-1', 'b-1']) renew(workload);
  clock.advance(59_999);
  assert.equal(told.length, 1);
  clock.advance(1);
  assert.deepEqual(told[1], { kind: 'certificates', workloads: ['b-1', 'c-1'] });
  clock.advance(120_000);
  renew('a-1');
  clock.advance(1_000);
  assert.deepEqual(told[2], { kind: 'certificates', workloads: ['a-1'] });
  assert.equal(told.length, 3);
});

test('an endpoint that several callers leave out is one event, and its return another', () => {
  const { clock, told, notices } = setUp();
  const change = (workload: string, health: 'ejected' | 'healthy'): void =>
    take(
      notices,
      ...policyEvents(workload, {
        kind: 'policies',
        endpoints: [{ service: 'reviews', endpoint: 'reviews-v1-1', health }],
        overflows: [{ service: 'reviews', refused: 2 }],
      }),
    );
  change('web-1', 'ejected');
  change('web-2', 'ejected');
  clock.advance(1_000);
  const endpoint = { service: 'reviews', endpoint: 'reviews-v1-1' };
  assert.deepEqual(told, [
    { kind: 'endpoint', change: 'ejected', ...endpoint, by: ['web-1', 'web-2'] },
    { kind: 'overflow', service: 'reviews', refused: 4, by: ['web-1', 'web-2'] },
  ]);
  change('web-1', 'healthy');
  clock.advance(1_000);
  assert.deepEqual(told[2], { kind: 'endpoint', change: 'healthy', ...endpoint, by: ['web-1'] });
});

test('a warning that comes again and again is told once a minute; all else at once', () => {
  const { clock, told, notices } = setUp();
  const fail = (): void => take(notices, noticeOf({ kind: 'certificate-failed', gateway: 'web', reason: 'no disk' }));
  for (let i = 0; i < 70; i++) {
    fail();
    clock.advance(1_000);
  }
  assert.equal(told.length, 2);
  assert.match(JSON.stringify(told[0]), /gateway web got no certificate: no disk/);
  take(notices, noticeOf({ kind: 'roots', phase: 'stable', text: 'x' }));
  assert.deepEqual(told[2], { kind: 'roots', text: 'x' });
});

test('a flood of different things is bounded', () => {
  const { clock, told, notices } = setUp();
  for (let i = 0; i < 5_000; i++) take(notices, noticeOf({ kind: 'nack', workload: 'a-1', version: '1', reason: `${i}` }));
  clock.advance(1_000);
  assert.equal(told.length, 300);
});
