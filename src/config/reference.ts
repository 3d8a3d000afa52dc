import { type JsonSchema, meshJsonSchema } from './json-schema.ts';

interface Section {
  readonly title: string;
  /** Steps through the JSON Schema. */
  readonly steps: readonly (string | number)[];
  /** Another schema, whose fields are not told again. */
  readonly beside?: readonly string[];
}

const service = ['properties', 'services', 'additionalProperties'] as const;
const rule = ['properties', 'routes', 'additionalProperties', 'items'] as const;
const gateway = ['properties', 'gateways', 'additionalProperties'] as const;
const external = ['properties', 'external', 'additionalProperties'] as const;

const token = ['properties', 'tokens', 'items'] as const;

const sections: readonly Section[] = [
  { title: 'Top level', steps: [] },
  { title: '`identity`', steps: ['properties', 'identity'] },
  { title: '`services.<name>`', steps: service },
  { title: '`services.<name>.mtls`, long form', steps: [...service, 'properties', 'mtls', 'anyOf', 1] },
  {
    title: '`services.<name>.versions.<version>`, long form',
    steps: [...service, 'properties', 'versions', 'additionalProperties', 'anyOf', 1],
  },
  { title: '`balancer.ringHash`', steps: [...service, 'properties', 'balancer', 'anyOf', 1, 'properties', 'ringHash'] },
  { title: '`limits`', steps: [...service, 'properties', 'limits'] },
  { title: '`limits.retryBudget`', steps: [...service, 'properties', 'limits', 'properties', 'retryBudget'] },
  { title: '`outliers`', steps: [...service, 'properties', 'outliers'] },
  { title: '`healthCheck`', steps: [...service, 'properties', 'healthCheck'] },
  { title: '`routes.<service>[]`', steps: rule },
  { title: '`match`', steps: [...rule, 'properties', 'match', 'anyOf', 0, 'items'] },
  { title: '`split`, long form of a share', steps: [...rule, 'properties', 'split', 'additionalProperties', 'anyOf', 1] },
  { title: '`rewrite`', steps: [...rule, 'properties', 'rewrite'] },
  { title: '`redirect`', steps: [...rule, 'properties', 'redirect'] },
  { title: '`respond`', steps: [...rule, 'properties', 'respond'] },
  { title: '`headers`', steps: [...rule, 'properties', 'headers'] },
  { title: '`headers.request`, `headers.response`', steps: [...rule, 'properties', 'headers', 'properties', 'request'] },
  { title: '`cors`', steps: [...rule, 'properties', 'cors'] },
  { title: '`mirror`, long form', steps: [...rule, 'properties', 'mirror', 'anyOf', 1, 'anyOf', 1] },
  { title: '`fault`', steps: [...rule, 'properties', 'fault', 'anyOf', 1] },
  { title: '`rateLimit`', steps: [...rule, 'properties', 'rateLimit', 'anyOf', 1] },
  { title: '`retries`, long form', steps: [...rule, 'properties', 'retries', 'anyOf', 1] },
  { title: '`gateways.<name>`', steps: gateway },
  { title: '`gateways.<name>.tls`, long form', steps: [...gateway, 'properties', 'tls', 'anyOf', 1] },
  {
    title: '`gateways.<name>.tls.clients`, long form',
    steps: [...gateway, 'properties', 'tls', 'anyOf', 1, 'properties', 'clients', 'anyOf', 1],
  },
  {
    title: '`gateways.<name>.routes[]`: the fields of `routes.<service>[]`, and',
    steps: [...gateway, 'properties', 'routes', 'items'],
    beside: rule,
  },
  { title: '`external.<name>`', steps: external },
  { title: '`external.<name>.tls`, long form', steps: [...external, 'properties', 'tls', 'anyOf', 1] },
  { title: '`access[]`', steps: ['properties', 'access', 'anyOf', 0, 'items'] },
  { title: '`access`, with a default', steps: ['properties', 'access', 'anyOf', 1] },
  { title: '`authorizers.<name>`', steps: ['properties', 'authorizers', 'additionalProperties'] },
  { title: '`tokens[]`', steps: token },
  { title: '`tokens[].from`', steps: [...token, 'properties', 'from'] },
  { title: '`tokens[].from.headers[]`', steps: [...token, 'properties', 'from', 'properties', 'headers', 'items'] },
  { title: '`metrics`', steps: ['properties', 'metrics'] },
  { title: '`proxy`', steps: ['properties', 'proxy'] },
  {
    title: '`proxy.accessLog`, `services.<name>.accessLog`, long form',
    steps: ['properties', 'proxy', 'properties', 'accessLog', 'anyOf', 1],
  },
];

/** The field tables of docs/configuration.md, from the published schema. Compose's keys of a service are not repeated. */
export function referenceTables(): string {
  const schema = meshJsonSchema();
  return sections
    .map(
      ({ title, steps, beside }) => `### ${title}\n\n${table(at(schema, steps), beside === undefined ? {} : at(schema, beside))}`,
    )
    .join('\n\n');
}

function table(schema: JsonSchema, known: JsonSchema): string {
  const told = new Set(Object.keys((known['properties'] ?? {}) as Record<string, JsonSchema>));
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, JsonSchema>);
  const required = new Set((schema['required'] ?? []) as string[]);
  const rows = properties
    .filter(([name, field]) => !told.has(name) && !String(field['description'] ?? '').startsWith("Compose's `"))
    .map(
      ([name, field]) =>
        `| \`${name}\`${required.has(name) ? ' (required)' : ''} | ${cell(form(field))} | ${cell(String(field['description'] ?? ''))} |`,
    );
  return ['| field | form | meaning |', '|---|---|---|', ...rows].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

/** What may be written, in a few words. */
function form(schema: JsonSchema): string {
  const options = schema['anyOf'] as JsonSchema[] | undefined;
  if (options !== undefined) return [...new Set(options.map(form))].join(' or ');
  const words = schema['enum'] as string[] | undefined;
  if (words !== undefined) return words.map(word => `\`${word}\``).join(', ');
  if (schema['const'] !== undefined) return `\`${JSON.stringify(schema['const'])}\``;
  if (schema['type'] === 'boolean') return '`true` or `false`';
  if (schema['type'] === 'array') return 'list';
  if (schema['type'] === 'object') return 'mapping';
  const [example] = (schema['examples'] ?? []) as string[];
  if (example !== undefined) return `\`${example}\``;
  if (schema['maximum'] !== undefined) return `${schema['minimum']} to ${schema['maximum']}`;
  return schema['type'] === undefined ? '' : 'text';
}

function at(schema: JsonSchema, steps: Section['steps']): JsonSchema {
  return steps.reduce<JsonSchema>((found, step) => (found as Record<string | number, JsonSchema>)[step] ?? {}, schema);
}
