import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventText } from '../../src/api/event-text.ts';
import type { MeshEventBody, ReloadResult } from '../../src/api/types.ts';

const result: ReloadResult = { ok: true, at: '', durationMs: 4, sinceSavedMs: null, kind: 'routing', summary: '1 route changed' };
const operation = { kind: 'create-pod', target: 'web-1', cause: 'new' };
const problem = { code: 'x', file: null, line: null, column: null, path: '', message: '', hint: '', text: '' };

const cases: readonly (readonly [event: MeshEventBody, level: string, text: string])[] = [
  [{ kind: 'operation', phase: 'start', operation, detail: '' }, 'step', 'create-pod web-1 (new)'],
  [{ kind: 'operation', phase: 'failed', operation: { ...operation, cause: '' }, detail: '' }, 'bad', 'create-pod web-1'],
  [{ kind: 'ready', gateways: [], workloads: 3, durationMs: 1_240 }, 'good', '3 workloads ready in 1.2 s'],
  [{ kind: 'ready', gateways: [], workloads: 0, durationMs: 40 }, 'step', '0 workloads ready in 0.0 s'],
  [{ kind: 'reload', file: 'mesh.yaml', result }, 'good', 'mesh.yaml: 1 route changed'],
  [{ kind: 'reload', file: 'mesh.yaml', result: { ...result, ok: false } }, 'bad', 'mesh.yaml: 1 route changed'],
  [{ kind: 'diagnostics', diagnostics: [] }, 'step', 'the configuration has no errors and no warnings'],
  [
    {
      kind: 'diagnostics',
      diagnostics: [
        { ...problem, severity: 'error' },
        { ...problem, severity: 'warning' },
        { ...problem, severity: 'warning' },
      ],
    },
    'bad',
    'the configuration has 1 error and 2 warnings',
  ],
  [{ kind: 'diagnostics', diagnostics: [{ ...problem, severity: 'warning' }] }, 'warn', 'the configuration has 1 warning'],
  [
    { kind: 'engine', state: 'lost', reason: 'gone' },
    'warn',
    'the Docker engine is lost (gone); traffic goes on, waiting for it',
  ],
  [{ kind: 'denied', from: 'a', to: 'b', calls: 1 }, 'warn', 'b refused a call of a by its access rules'],
  [{ kind: 'denied', from: 'a', to: 'b', calls: 7 }, 'warn', 'b refused 7 calls of a by its access rules'],
  [{ kind: 'phase', phase: 'running', reason: '', hint: '' }, 'step', 'the mesh is running'],
  [{ kind: 'phase', phase: 'degraded', reason: 'web-1 ended', hint: '' }, 'warn', 'web-1 ended'],
  [{ kind: 'gap', missed: 3 }, 'warn', '3 events were not read in time'],
  [{ kind: 'plan', operations: [operation], cause: 'mesh up' }, 'step', '1 operation to do (mesh up)'],
  [{ kind: 'plan', operations: [], cause: 'mesh up' }, 'step', 'nothing to do (mesh up)'],
];

describe('an event in words', () => {
  for (const [event, level, text] of cases)
    test(`${event.kind}: ${text}`, () => {
      const told = eventText(event);
      assert.deepEqual([told.level, told.text], [level, text]);
    });

  test('says what an operation came to and what to do, where there is something', () => {
    assert.equal(eventText({ kind: 'operation', phase: 'done', operation, detail: 'in 2 s' }).detail, 'in 2 s');
    assert.equal(eventText({ kind: 'warning', message: 'm', hint: 'h' }).hint, 'h');
    assert.deepEqual(Object.keys(eventText({ kind: 'warning', message: 'm', hint: '' })), ['level', 'text']);
  });
});
