import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { printDiagnostics } from '../../src/config/print.ts';
import { loadMesh } from '../../src/interop/load-mesh.ts';

const goldens = join(import.meta.dirname, '..', 'golden', 'config');
const update = process.env['UPDATE_GOLDENS'] === '1';
const inputs = ['mesh.yaml', 'compose.yaml', '.env', 'app.env'];

for (const file of globSync('*/mesh.yaml', { cwd: goldens }).sort()) {
  const name = dirname(file);
  const dir = join(goldens, name);
  test(`config: ${name}`, async () => {
    const result = await loadMesh({ file: join(dir, 'mesh.yaml'), env: {}, profiles: [], project: null });
    const portable = (text: string): string => text.replaceAll(dir, '<dir>').replaceAll(join(goldens, '..'), '<above>');
    const printed = printDiagnostics(result.diagnostics, { sources: result.sources, cwd: dir });
    const outputs: Record<string, string> = {};
    if (result.config !== null) outputs['config.json'] = `${portable(JSON.stringify(result.config, null, 2))}\n`;
    if (printed !== '') outputs['diagnostics.txt'] = `${portable(printed)}\n`;
    for (const output of ['config.json', 'diagnostics.txt']) {
      const path = join(dir, output);
      const expected = outputs[output];
      if (update && expected === undefined) rmSync(path, { force: true });
      if (update && expected !== undefined) writeFileSync(path, expected);
      assert.equal(existsSync(path) ? readFileSync(path, 'utf8') : undefined, expected, `${name}/${output}`);
    }
  });
}

test('no stale golden', () => {
  const known = new Set([...inputs, 'config.json', 'diagnostics.txt']);
  for (const file of globSync('**/*', { cwd: goldens, withFileTypes: true })) {
    if (file.isDirectory()) assert.ok(existsSync(join(file.parentPath, file.name, 'mesh.yaml')), `${file.name} has no mesh.yaml`);
    else assert.ok(known.has(file.name) || /(-keys\.json|\.pem)$/.test(file.name), `${file.name} belongs to no test`);
  }
});
