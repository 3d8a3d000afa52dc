import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePattern } from '../../src/snapshot/pattern.ts';

for (const [pattern, value, matches] of [
  ['jas.*', 'jason', true],
  ['jas', 'jason', false],
  ['son', 'jason', false],
  ['a|b', 'ab', false],
  ['a.c', 'a\nc', true],
  ['Jason', 'jason', false],
  ['(?i)Jason', 'jASON', true],
] as const) {
  test(`${pattern} ${matches ? 'matches' : 'does not match'} ${JSON.stringify(value)}`, () =>
    assert.equal(compilePattern(pattern).test(value), matches));
}

for (const pattern of ['(', 'a)|(b', 'a(?i)b']) {
  test(`${pattern} is refused`, () => assert.throws(() => compilePattern(pattern), SyntaxError));
}
