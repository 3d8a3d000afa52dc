import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
}

/** What the document says of one operation. */
export interface OpenApiOperation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content>>;
}

/** The document, as far as tests read it. */
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

/** As it is published. */
export const published = JSON.parse(readFileSync(join(import.meta.dirname, '../../schema/openapi.json'), 'utf8')) as OpenApi;

/** Operations by method and path: `GET /v1/status`. */
export function operationsOf(document: OpenApi): ReadonlyMap<string, OpenApiOperation> {
  return new Map(
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const),
    ),
  );
}

/** Checks values by the document's schemas, and more strictly: what they do not name may not be there. */
export class Validator {
  readonly #ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true, allErrors: true });
  readonly #known = new Map<string, ValidateFunction>();

  constructor(document: OpenApi) {
    this.#ajv.addKeyword('components');
    this.#ajv.addSchema({ $id: 'mesh:api', components: strict(document.components) });
  }

  /** @throws AssertionError that says where it is not what the schema says */
  check(schema: object, value: unknown, what: string): void {
    const key = JSON.stringify(schema);
    const text = JSON.stringify(strict(schema)).replaceAll('"#/components', '"mesh:api#/components');
    const validate = this.#known.get(key) ?? this.#ajv.compile(JSON.parse(text) as object);
    this.#known.set(key, validate);
    if (validate(value)) return;
    const problems = validate.errors?.map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
    assert.fail(`${what}: ${problems?.join('\n')}\n${JSON.stringify(value)?.slice(0, 2_000)}`);
  }
}

function strict(schema: unknown): object {
  return JSON.parse(JSON.stringify(schema), (_, value: unknown) =>
    typeof value === 'object' && value !== null && 'properties' in value && 'type' in value && !('additionalProperties' in value)
      ? { ...value, additionalProperties: false }
      : value,
  ) as object;
}
