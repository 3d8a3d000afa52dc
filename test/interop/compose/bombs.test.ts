/** Small files that ask for much: each is refused with a reason, and the load ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadText } from './load-text.ts';

test('files that include each other twice, twenty levels deep', async () => {
  const files = Object.fromEntries(
    Array.from({ length: 20 }, (_, level) => [`${level}.yaml`, `include: [${level + 1}.yaml, ${level + 1}.yaml]`]),
  );
  const { diagnostics } = await loadText('include: [0.yaml]', { files: { ...files, '20.yaml': 'services: {a: {image: x}}' } });
  assert.ok(diagnostics.some(found => found.code === 'compose-too-many-files'));
});

test('a chain of a thousand extends', async () => {
  const services = Array.from({ length: 1000 }, (_, index) => `  s${index + 1}: {extends: s${index}}`);
  const { diagnostics } = await loadText(`services:\n  s0: {image: x}\n${services.join('\n')}`);
  assert.ok(diagnostics.some(found => found.code === 'compose-extends-cycle' && /more than 50/.test(found.message)));
});

test('thousands of unset variables', async () => {
  const values = Array.from({ length: 5000 }, (_, index) => `      V${index}: $U${index}`);
  const { diagnostics } = await loadText(`services:\n  a:\n    image: x\n    environment:\n${values.join('\n')}`);
  assert.equal(diagnostics.filter(found => found.code === 'unset-variable').length, 5000);
  assert.equal(diagnostics.find(found => found.line === 5)?.path, 'services.a.environment.V0');
});

test('ranges that come to millions of ports', async () => {
  const ranges = Array.from({ length: 5000 }, (_, index) => `      - "${1 + index}-${900 + index}"`);
  const { diagnostics, services } = await loadText(`services:\n  a:\n    image: x\n    ports:\n${ranges.join('\n')}`);
  assert.ok(diagnostics.some(found => /more than 2000 ports/.test(found.message)));
  assert.ok((services[0]?.container.publish.length ?? 0) < 4000);
});

test('one file that is extended by a thousand services is read once', async () => {
  const services = Array.from({ length: 1000 }, (_, index) => `  s${index}: {extends: {file: base.yaml, service: base}}`);
  const load = await loadText(`services:\n${services.join('\n')}`, { files: { 'base.yaml': 'services: {base: {image: b}}' } });
  assert.deepEqual(load.diagnostics, []);
  assert.equal(load.services.length, 1000);
});
