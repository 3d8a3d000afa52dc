import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeNode } from '../../src/daemon/doctor.ts';

test('a Node that is too old fails, one with known weaknesses is warned of', () => {
  const states = [
    '20.20.2',
    '22.11.0',
    '22.12.0',
    '22.22.1',
    '22.22.2',
    '22.23.0',
    '24.14.0',
    '24.14.1',
    '24.21.0',
    '26.0.0',
  ].map(version => judgeNode(version).state);
  assert.deepEqual(states, ['failed', 'failed', 'warning', 'warning', 'ok', 'ok', 'warning', 'ok', 'ok', 'ok']);
  assert.equal(judgeNode(process.versions.node).state, 'ok');
});
