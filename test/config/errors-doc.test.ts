import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..', '..');

test('docs/errors.md names every code of src/config, and no other', () => {
  const documented = [...readFileSync(join(root, 'docs/errors.md'), 'utf8').matchAll(/^\| `([a-z-]+)` \|/gm)].map(
    match => match[1] ?? '',
  );
  const source = globSync('src/config/**/*.ts', { cwd: root })
    .map(file => readFileSync(join(root, file), 'utf8'))
    .join('\n');
  const written = new Set([...source.matchAll(/\bcode: '([a-z-]+)'/g)].map(match => match[1] ?? ''));
  written.delete('custom'); // zod's own
  assert.deepEqual(
    [...written].filter(code => !documented.includes(code)),
    [],
    'undocumented',
  );
  assert.deepEqual(
    documented.filter(code => !source.includes(`'${code}'`)),
    [],
    'documented, but never said',
  );
  assert.deepEqual(documented, [...new Set(documented)], 'once each');
});
