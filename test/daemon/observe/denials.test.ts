import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MeshEventBody } from '../../../src/api/types.ts';
import { Denials } from '../../../src/daemon/observe/denials.ts';
import { emptyRow } from '../../../src/daemon/observe/edge-row.ts';
import type { Moment } from '../../../src/daemon/observe/segment.ts';

const party = (service: string) => ({ service, version: '', workload: '', principal: '' });

function moment(seconds: number, denied: number, from = 'web'): Moment {
  const row = { ...emptyRow(), requests: denied + 1, denied };
  const name = { source: party(from), destination: party('bank'), protocol: 'http' } as const;
  return { atMs: seconds * 1_000, lengthMs: 1_000, rows: new Map([[name, row]]) };
}

test('refused calls are told at once, then once a minute, and at once again after a quiet one', () => {
  const told: MeshEventBody[] = [];
  const denials = new Denials(event => told.push(event));
  for (let s = 0; s < 100; s++) denials.look(moment(s, s < 80 ? 2 : 0));
  const calls = (): (number | null)[] => told.map(event => (event.kind === 'denied' ? event.calls : null));
  assert.deepEqual(calls(), [2, 120]);
  for (let s = 100; s < 300; s++) denials.look(moment(s, s === 250 ? 1 : 0));
  assert.deepEqual(calls(), [2, 120, 38, 1]);
  denials.look(moment(300, 1, ''));
  assert.deepEqual(told.at(-1), { kind: 'denied', from: 'unknown', to: 'bank', calls: 1 });
});
