import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { meshJsonSchema, schemaFile, schemaText } from '../../src/config/json-schema.ts';
import { referenceTables } from '../../src/config/reference.ts';

const root = join(import.meta.dirname, '..', '..');
const update = process.env['UPDATE_GOLDENS'] === '1';

function matches(file: string, expected: string): void {
  const path = join(root, file);
  if (update) writeFileSync(path, expected);
  assert.equal(readFileSync(path, 'utf8'), expected, `${file} is out of date: run the tests with UPDATE_GOLDENS=1`);
}

test('the published JSON Schema is that of the code', () => matches(schemaFile, schemaText()));

test('the JSON Schema is draft-07 and knows our fields and those of compose', () => {
  const schema = meshJsonSchema() as {
    $schema: string;
    properties: Record<string, { additionalProperties?: { properties: object } }>;
  };
  assert.equal(schema.$schema, 'http://json-schema.org/draft-07/schema#');
  const service = schema.properties['services']?.additionalProperties?.properties ?? {};
  for (const key of ['port', 'versions', 'image', 'depends_on', 'healthcheck']) assert.ok(key in service, key);
});

test('the field tables of the reference are those of the code', () => {
  const file = 'docs/configuration.md';
  const text = readFileSync(join(root, file), 'utf8');
  const tables = `$1\n\n${referenceTables().replaceAll('$', '$$$$')}\n\n$2`;
  matches(file, text.replace(/(<!-- generated[^\n]*-->)[\s\S]*(<!-- end -->)/, tables));
});
