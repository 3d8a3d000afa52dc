import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRandom } from '../../src/async/random.ts';

describe('hex digits', () => {
  test('are as many as asked for, whatever was asked for before', () => {
    const random = createRandom();
    for (let i = 0; i < 5_000; i++) assert.match(random.hex((i % 64) + 1), new RegExp(`^[0-9a-f]{${((i % 64) + 1) * 8}}$`));
  });

  test('do not come back', () => {
    const random = createRandom();
    const seen = new Set(Array.from({ length: 20_000 }, () => random.hex(2)));
    assert.equal(seen.size, 20_000);
  });

  test('are the same for a seed, and others without one', () => {
    assert.equal(createRandom(7).hex(4), createRandom(7).hex(4));
    assert.notEqual(createRandom().hex(4), createRandom().hex(4));
  });
});
