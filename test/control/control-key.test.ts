import assert from 'node:assert/strict';
import { test } from 'node:test';
import { controlKeysIn, isExpectedKey } from '../../src/control/control-key.ts';

const one = '1'.repeat(64);
const two = 'ab'.repeat(32);

test('keys are found in a log, oldest first, each once, whatever stands before them', () => {
  const log = `start\nmesh-control-key sha256:${one}\r\n2026-01-01T00:00:00Z mesh-control-key sha256:${two}\nmesh-control-key sha256:${one}\n`;
  assert.deepEqual(controlKeysIn(log), [one, two]);
});

test('what is no whole hash is no key', () => {
  for (const hash of ['', one.slice(1), `${one}0`, one.replace('1', 'g'), two.toUpperCase()])
    assert.deepEqual(controlKeysIn(`mesh-control-key sha256:${hash}\n`), []);
});

test('only an equal hash is expected', () => {
  assert.equal(isExpectedKey(one, [two, one]), true);
  assert.equal(isExpectedKey(one, [two]), false);
  assert.equal(isExpectedKey('', []), false);
  assert.equal(isExpectedKey('', [one]), false);
});
