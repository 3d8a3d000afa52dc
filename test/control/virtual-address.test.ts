import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { virtualAddresses } from '../../src/control/compile/virtual-address.ts';

const none = new Map<string, string>();
const many = Array.from({ length: 3000 }, (_, index) => `service-${index}`);

test('every name has its own address in 240.240.0.0/16, never .0 or .255', () => {
  const addresses = [...virtualAddresses(many, none).values()];
  assert.equal(new Set(addresses).size, many.length);
  for (const address of addresses) {
    const [a, b, c, d] = address.split('.').map(Number);
    assert.deepEqual([a, b], [240, 240]);
    assert.ok(c !== undefined && c >= 0 && c <= 255 && d !== undefined && d >= 1 && d <= 254, address);
  }
});

test('a name keeps its address when others are added, also before it', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ minLength: 1 })), fc.uniqueArray(fc.string({ minLength: 1 })), (old, added) => {
      const before = virtualAddresses(old, none);
      const after = virtualAddresses([...new Set([...added, ...old])], before);
      for (const [name, address] of before) assert.equal(after.get(name), address);
      assert.equal(new Set(after.values()).size, after.size);
    }),
    { numRuns: 100 },
  );
});

test('an address depends on the name alone while there is no collision', () => {
  assert.deepEqual(virtualAddresses(['b'], none).get('b'), virtualAddresses(['a', 'b'], none).get('b'));
});

test('two names with one hash get two addresses, and the held one wins', () => {
  // The first pair of these names that collides, found here rather than written down, so that the test follows the hash.
  const seen = new Map<string, string>();
  const pair = many.flatMap(name => {
    const address = virtualAddresses([name], none).get(name) ?? '';
    const other = seen.get(address);
    seen.set(address, name);
    return other === undefined ? [] : [[other, name] as const];
  })[0];
  assert.ok(pair !== undefined, 'three thousand names collide somewhere');
  const [first, second] = pair;
  const alone = virtualAddresses([second], none);
  const both = virtualAddresses([first, second], none);
  assert.notEqual(both.get(first), both.get(second));
  assert.equal(virtualAddresses([first, second], alone).get(second), alone.get(second));
});
