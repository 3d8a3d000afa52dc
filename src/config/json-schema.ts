import { z } from 'zod';
import { meshSchema } from './schema/mesh.ts';

/** The schema file in this package, relative to its root. */
export const schemaFile = 'schema/mesh.schema.json';

/** A JSON Schema as plain data. */
export interface JsonSchema {
  readonly [key: string]: unknown;
}

/** Draft-07 JSON Schema of mesh.yaml, generated from the schema that checks it. What needs a look at other fields (references) is not in it. */
export function meshJsonSchema(): JsonSchema {
  const { $schema, ...generated } = z.toJSONSchema(meshSchema, {
    io: 'input',
    target: 'draft-7',
    unrepresentable: 'any',
  }) as JsonSchema;
  return {
    $schema,
    title: 'mesh.yaml',
    description: 'Configuration of a localmesh service mesh.',
    ...generated,
    patternProperties: { '^x-': true },
  };
}

/** The text of the published file. */
export function schemaText(): string {
  return `${JSON.stringify(meshJsonSchema(), null, 2)}\n`;
}
