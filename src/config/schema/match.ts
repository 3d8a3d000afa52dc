import { z } from 'zod';
import type { NamedMatch, PathMatch } from '../../snapshot/route-rule.ts';
import { shown } from '../shown.ts';
import { exactlyOne, field, fields, namedMap, oneOrMany, text } from './field.ts';
import { path, pathProblem, regex, yes } from './http-leaves.ts';
import { host, method, port } from './leaves.ts';

type ValueMatch = Omit<NamedMatch, 'name'>;

/** `/a` is that path, `/a/*` everything below and `/a` itself. */
const shortPath = field<PathMatch>(
  value => {
    const example = 'write `/a` (that path), `/a/*` (everything below), or `{regex: …}`';
    if (typeof value !== 'string' || !value.startsWith('/')) return { problem: `${shown(value)} is not a path`, hint: example };
    const inner = value.endsWith('/*') ? value.slice(0, -2) : value;
    if (inner.includes('*')) return { problem: `${shown(value)} has a \`*\` that is no last segment`, hint: example };
    if (/[?#]/.test(inner))
      return { problem: `${shown(value)} holds a query or fragment`, hint: 'match the query with `query:`' };
    const problem = pathProblem(inner);
    if (problem !== null) return problem;
    return inner === value ? { kind: 'exact', value } : { kind: 'prefix', value: inner === '' ? '/' : inner };
  },
  { type: 'string', pattern: '^/', examples: ['/cart', '/api/*'] },
);

const pathMatch = z.union([
  shortPath,
  exactlyOne(
    { exact: path, prefix: path, startsWith: path, regex },
    '`{exact: /a}`, `{prefix: /a}`, `{startsWith: /a}` or `{regex: "/a/[0-9]+"}`',
  ).transform(({ key, value }): PathMatch => ({ kind: key === 'startsWith' ? 'starts-with' : key, value })),
]);

const value = text('a value');
const shortValue = value.transform((value): ValueMatch => ({ kind: 'exact', value }));
const conditions = { exact: value, prefix: value, regex, present: yes, absent: yes };
const examples = '`jason`, `{prefix: j}` or `{present: true}`';

function condition({ key, value }: { readonly key: ValueMatch['kind']; readonly value: string | true }): ValueMatch {
  return { kind: key, value: value === true ? '' : value };
}

const positive = z.union([shortValue, exactlyOne(conditions, examples).transform(condition)]);

/** Turned round. That something is there or not has a word of its own. */
function negated(match: ValueMatch): ValueMatch {
  if (match.kind === 'present') return { kind: 'absent', value: '' };
  return match.kind === 'absent' ? { kind: 'present', value: '' } : { ...match, not: true };
}

const valueMatch = z.union([
  shortValue,
  exactlyOne({ ...conditions, not: positive }, `${examples.replace(' or', ',')} or \`{not: jason}\``).transform(given =>
    given.key === 'not' ? negated(given.value) : condition(given),
  ),
]);

/** Conditions of a rule. */
export const match = fields(
  {
    path: pathMatch
      .optional()
      .describe(
        '`/cart` is that path, `/api/*` everything below; or `{exact|prefix|startsWith|regex: …}`. `startsWith: /a` takes `/ab` too, `prefix: /a` does not. The query is no part of it.',
      ),
    methods: oneOrMany(method, '`[GET]`').optional().describe('Any of these methods.'),
    headers: namedMap(valueMatch, '`{end-user: jason}`')
      .optional()
      .describe(
        'All of these headers: a value, or `{exact|prefix|regex: …}`, `{present: true}`, `{absent: true}`, `{not: …}` of one of them.',
      ),
    query: namedMap(valueMatch, '`{debug: "1"}`').optional().describe('All of these query parameters, in the same forms.'),
    hosts: oneOrMany(host, '`[shop.localhost]`').optional().describe('Any of these hosts of the request; `*.suffix` too.'),
    claims: namedMap(valueMatch, '`{groups: beta}`')
      .optional()
      .describe(
        'All of these claims of the token, in the same forms; a list has to hold the value. At gateways that look for `tokens`.',
      ),
    ports: oneOrMany(port, '`[9080]`').optional().describe('Any of these ports of the service, as the caller dialled it.'),
    from: oneOrMany(text('a service', { type: 'string' }), '`[storefront]`')
      .optional()
      .describe('Any of these calling services. Not at a gateway: its callers are no services.'),
  },
  '`{path: /cart}`',
);

/** `match` as written, one mapping of it. */
export type MatchSpec = z.output<typeof match>;
