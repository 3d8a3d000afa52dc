import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventText } from '../../src/api/event-text.ts';
import type { MeshEvent, MeshEventBody } from '../../src/api/types.ts';
import { choose, kindsOf, linkOf, missedBetween, wordsOf } from '../../src/dashboard/pages/events/event-list.ts';

const at = (seq: number): string => new Date(1_700_000_000_000 + seq * 1_000).toISOString();
const told = (seq: number, body: MeshEventBody): MeshEvent => ({ seq, at: at(seq), ...body, told: eventText(body) });
/** Of a daemon that knows more kinds than this program. */
const strange = (seq: number, fields: object): MeshEvent =>
  ({ seq, at: at(seq), kind: 'eclipse', ...fields }) as unknown as MeshEvent;

const healthy = told(1, { kind: 'healthy' });
const denied = told(2, { kind: 'denied', from: 'details', to: 'ratings', calls: 3 });
const plan = told(3, { kind: 'plan', operations: [{ kind: 'create-pod', target: 'web-1', cause: '' }], cause: 'mesh up' });
const all = [healthy, denied, plan];
const any = { kind: '', text: '', steps: false };
const seqs = (events: readonly MeshEvent[]): number[] => events.map(({ seq }) => seq);

describe('choosing events', () => {
  test('leaves steps out unless they are asked for, or their kind is', () => {
    assert.deepEqual(seqs(choose(all, any)), [2]);
    assert.deepEqual(seqs(choose(all, { ...any, steps: true })), [1, 2, 3]);
    assert.deepEqual(seqs(choose(all, { ...any, kind: 'plan' })), [3]);
  });

  test('looks for text in all words, of operations too, in any case', () => {
    assert.deepEqual(seqs(choose(all, { ...any, text: 'REFUSED 3' })), [2]);
    assert.deepEqual(seqs(choose(all, { ...any, steps: true, text: 'web-1' })), [3]);
    assert.deepEqual(seqs(choose(all, { ...any, text: 'nothing of that' })), []);
  });

  test('kinds are told once', () => assert.deepEqual(kindsOf([...all, denied]), ['denied', 'healthy', 'plan']));
});

describe('a kind that nobody knows here', () => {
  test('is shown by its fields, also without steps, and leads to the sidecar it names', () => {
    const event = strange(4, { workload: 'web-1', depth: { of: 3 } });
    assert.deepEqual(wordsOf(event), { level: 'step', text: 'workload: web-1, depth: {"of":3}' });
    assert.deepEqual(seqs(choose([event], any)), [4]);
    assert.deepEqual(linkOf(event)?.query, { view: 'sidecars', pick: 'web-1' });
    assert.deepEqual(linkOf(strange(5, { workloads: ['web-2', 'web-1'] }))?.query, { view: 'sidecars', pick: 'web-2' });
    assert.equal(linkOf(strange(5, { moon: 1 })), null);
  });

  test('is worded by the daemon where it words it', () => {
    const event = strange(4, { told: { level: 'bad', text: 'the sun is gone' } });
    assert.equal(wordsOf(event).text, 'the sun is gone');
  });
});

test('refused calls lead to their cell of the matrix', () => {
  assert.deepEqual(linkOf(denied), { page: 'security', query: { from: 'details', to: 'ratings' }, text: 'in the matrix' });
});

test('what was lost between two readings is counted, and nothing where the daemon counts anew', () => {
  assert.equal(missedBetween([healthy], [denied, plan]), 0);
  assert.equal(missedBetween([healthy], [told(9, { kind: 'healthy' })]), 7);
  assert.equal(missedBetween([plan], [healthy]), 0);
  assert.equal(missedBetween([], [plan]), 0);
});
