/** docs/compose.md names every key that is honoured and every mistake that can be said. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { composeServiceKeys } from '../../../src/config/schema/compose-keys.ts';
import { honouredKeys, knownKeys } from '../../../src/interop/compose/service-keys.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const page = readFileSync(join(root, 'docs/compose.md'), 'utf8');

test('mesh.yaml takes the keys that compose files may have', () => {
  assert.deepEqual([...composeServiceKeys].sort(), [...knownKeys].sort());
});

test('every honoured key is named', () => {
  const missing = [...honouredKeys].filter(key => !page.includes(`\`${key}`));
  assert.deepEqual(missing, []);
});

test('every mistake is named, and none that cannot be said', () => {
  const folder = join(root, 'src/interop/compose');
  const code = readdirSync(folder)
    .map(file => readFileSync(join(folder, file), 'utf8'))
    .join('\n');
  const written = new Set(
    [...code.matchAll(/['`](compose-[a-z-]+|unset-variable|bad-variable|unknown-field)['`]/g)].map(([, one]) => one),
  );
  // One template in the code stands for two of them.
  for (const what of ['secret', 'config']) written.add(`compose-unknown-${what}`);
  const table = page.slice(page.indexOf('## What can be said'));
  const named = new Set([...table.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, one]) => one));
  assert.deepEqual([...named].sort(), [...written].sort());
});
