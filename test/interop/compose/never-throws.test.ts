/** Whatever a compose file holds comes out as services and diagnostics, never as an exception. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { honouredKeys } from '../../../src/interop/compose/service-keys.ts';
import { loadText } from './load-text.ts';

const word = fc.constantFrom(
  '',
  'a',
  'db',
  './x',
  '80:80',
  '1m',
  '-1',
  'true',
  'CMD',
  '$',
  '${',
  '!reset',
  '\u0000',
  'ä',
  'a=b',
  ':',
  '::',
  '/',
  '~',
  '[::1]:1:1',
);
const { value } = fc.letrec<{ value: unknown }>(tie => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    word,
    fc.constantFrom(null, true, 0, -1, 1.5, 1e21),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(
      fc.oneof(
        word,
        fc.constantFrom('target', 'source', 'type', 'test', 'service', 'file', 'path', 'limits', 'external', 'context'),
      ),
      tie('value'),
      { maxKeys: 3 },
    ),
  ),
}));
const keys = [...honouredKeys, 'volumes_from', 'nonsense'];
const service = fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 6 });
const section = fc.oneof(value, fc.dictionary(fc.constantFrom('a', 'db'), value, { maxKeys: 2 }));
const document = fc.record(
  {
    services: fc.oneof(fc.dictionary(fc.constantFrom('a', 'db', 'c'), service, { maxKeys: 3 }), value),
    volumes: section,
    secrets: section,
    configs: section,
    networks: section,
    include: value,
    name: value,
  },
  { requiredKeys: ['services'] },
);

test('any document, alone and over another', async () => {
  // JSON is YAML; the seed is fixed so that a failure is the same on every machine.
  await fc.assert(
    fc.asyncProperty(document, document, async (one, other) => {
      const load = await loadText(JSON.stringify(one), { files: { 'over.yaml': JSON.stringify(other) }, over: ['over.yaml'] });
      for (const found of load.diagnostics) {
        assert.ok(found.message !== '' && found.code !== '', 'every diagnostic says something');
        assert.ok(found.file === null || found.line === null || found.line >= 1);
      }
      JSON.stringify(load.services);
    }),
    { numRuns: 300, seed: 20_26 },
  );
});
