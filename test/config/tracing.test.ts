import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { resolveTracing } from '../../src/config/resolve/tracing.ts';
import { tracing } from '../../src/config/schema/tracing.ts';

describe('tracing as it is written', () => {
  for (const [title, written, expected] of [
    ['nothing: all of it', undefined, { sample: 1, propagation: ['w3c', 'b3'] }],
    ['off', 'off', null],
    ['a share', '12.5%', { sample: 0.125, propagation: ['w3c', 'b3'] }],
    ['none of what nobody decided', '0%', { sample: 0, propagation: ['w3c', 'b3'] }],
    ['a share and one form', { sample: '10%', propagation: 'b3-multi' }, { sample: 0.1, propagation: ['b3-multi'] }],
    ['forms, each once', { propagation: ['b3', 'w3c', 'b3'] }, { sample: 1, propagation: ['b3', 'w3c'] }],
  ] as const)
    test(title, () => assert.deepEqual(resolveTracing(written === undefined ? undefined : tracing.parse(written)), expected));

  for (const wrong of ['on', '150%', { sample: 'much' }, { propagation: ['jaeger'] }, { propagation: [] }, { rate: '1%' }, 5])
    test(`${JSON.stringify(wrong)} is none`, () => assert.equal(tracing.safeParse(wrong).success, false));
});

test('a service keeps what it does not say from the mesh', () => {
  const mesh = resolveTracing(tracing.parse({ sample: '10%', propagation: ['b3'] }));
  assert.deepEqual(resolveTracing(tracing.parse('50%'), mesh), { sample: 0.5, propagation: ['b3'] });
  assert.deepEqual(resolveTracing(undefined, mesh), mesh);
  assert.equal(resolveTracing(tracing.parse('off'), mesh), null);
  // And is traced where the mesh is not.
  assert.deepEqual(resolveTracing(tracing.parse('50%'), null), { sample: 0.5, propagation: ['w3c', 'b3'] });
});
