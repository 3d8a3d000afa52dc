import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeToDaemon } from '../../src/control/message.ts';

const endpoint = { service: 'reviews', endpoint: 'reviews-v1-1', health: 'ejected' };
const report = { kind: 'policies', endpoints: [endpoint], overflows: [{ service: 'reviews', refused: 3 }] };

test('what a sidecar says of its policies is read', () => assert.deepEqual(decodeToDaemon(report), report));

for (const [what, message] of [
  ['another health', { ...report, endpoints: [{ ...endpoint, health: 'dead' }] }],
  ['a name without end', { ...report, endpoints: [{ ...endpoint, service: 'x'.repeat(5_000) }] }],
  ['nothing refused', { ...report, overflows: [{ service: 'reviews', refused: 0 }] }],
  ['no lists', { kind: 'policies' }],
] as const)
  test(`${what} is refused`, () => assert.throws(() => decodeToDaemon(message), { code: 'protocol' }));
