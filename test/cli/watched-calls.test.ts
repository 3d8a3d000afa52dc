import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SeenCall } from '../../src/api/access.ts';
import { WatchedCalls } from '../../src/cli/watched-calls.ts';

const call: SeenCall = { from: 'web', to: 'shop', port: 80, method: 'GET', path: '/', allowed: true, calls: 0 };
const raw: SeenCall = { ...call, to: 'redis', port: 6379, method: '', path: '' };

/** What a watch makes of these calls, one list per second. */
function watched(...seconds: readonly (readonly SeenCall[])[]): readonly SeenCall[] {
  const watch = new WatchedCalls();
  for (const calls of seconds) watch.add({ apiVersion: 1, kind: 'SeenCalls', more: false, unasked: [], calls });
  return watch.calls;
}

describe('the calls of a watch', () => {
  test('replicas and versions are added up', () =>
    assert.deepEqual(
      watched(
        [],
        [
          { ...call, calls: 2 },
          { ...call, calls: 3 },
        ],
      ),
      [{ ...call, calls: 5 }],
    ));
  test('what was counted for the watch before is left out', () => {
    const old = { ...call, calls: 7 };
    const other = { ...call, path: '/a', calls: 2 };
    assert.deepEqual(watched([old, other], [old, { ...other, calls: 3 }]), [{ ...other, calls: 1 }]);
  });
  test('raw connections that were open before count', () =>
    assert.deepEqual(watched([{ ...raw, calls: 1 }]), [{ ...raw, calls: 1 }]));
  test('a sidecar that begins anew takes nothing back', () => {
    assert.deepEqual(watched([], [{ ...call, calls: 4 }], [{ ...call, calls: 1 }], []), [{ ...call, calls: 4 }]);
    assert.deepEqual(watched([{ ...call, calls: 9 }], [{ ...call, calls: 1 }]), [{ ...call, calls: 1 }]);
  });
});
