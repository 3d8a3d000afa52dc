import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { routes } from '../../src/api/routes.ts';
import { operationsOf, published, Validator } from '../support/openapi.ts';

/** They are no part of `routes`: the TCP face answers them. */
const webOperations = ['POST /v1/session', 'DELETE /v1/session', 'POST /v1/login-code'];

test('the published document is that of the types', async () => {
  const { openapi } = (await import(new URL('../../scripts/openapi.mjs', import.meta.url).href)) as { openapi: () => object };
  assert.deepEqual(published, openapi(), 'schema/openapi.json is out of date: run node scripts/openapi.mjs');
});

test('every route is in it, and nothing else', () => {
  assert.deepEqual([...operationsOf(published).keys()].sort(), [...Object.keys(routes), ...webOperations].sort());
});

test('operations have names of their own and say what they are for', () => {
  const operations = [...operationsOf(published).values()] as { operationId: string; summary?: string }[];
  assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length);
  for (const { operationId, summary } of operations) assert.ok((summary ?? '').length > 5, operationId);
});

test('every document says what it is', () => {
  const silent = Object.entries(published.components.schemas).filter(([, schema]) => !('description' in schema));
  assert.deepEqual(
    silent.map(([name]) => name),
    [],
  );
});

const goldens = join(import.meta.dirname, '../golden/config');
test('configurations of every kind are what it says', () => {
  const validator = new Validator(published);
  const files = globSync('*/config.json', { cwd: goldens });
  assert.ok(files.length > 5);
  for (const file of files)
    validator.check({ $ref: '#/components/schemas/MeshConfig' }, JSON.parse(readFileSync(join(goldens, file), 'utf8')), file);
});
