import { z } from 'zod';
import { shown } from '../shown.ts';
import type { NamedMatch, PathMatch, RetryCondition } from '../terms.ts';
import { parsePercent } from '../units.ts';
import { exactlyOne, field, fields, integer, listOf, namedMap, oneOf, oneOrMany, text } from './field.ts';
import { duration, host, method, weight } from './leaves.ts';

type ValueMatch = Omit<NamedMatch, 'name'>;

const conditions = [
  'connect-failure',
  'reset',
  '5xx',
  'gateway-error',
  'retriable-status-codes',
] as const satisfies RetryCondition[];

/** `/a` is that path, `/a/*` everything below and `/a` itself. */
const shortPath = field<PathMatch>(
  value => {
    const example = 'write `/a` (that path), `/a/*` (everything below), or `{regex: …}`';
    if (typeof value !== 'string' || !value.startsWith('/')) return { problem: `${shown(value)} is not a path`, hint: example };
    const inner = value.endsWith('/*') ? value.slice(0, -2) : value;
    if (inner.includes('*')) return { problem: `${shown(value)} has a \`*\` that is no last segment`, hint: example };
    if (/[?#]/.test(inner))
      return { problem: `${shown(value)} holds a query or fragment`, hint: 'match the query with `query:`' };
    return inner === value ? { kind: 'exact', value } : { kind: 'prefix', value: inner === '' ? '/' : inner };
  },
  { type: 'string', pattern: '^/', examples: ['/cart', '/api/*'] },
);

const pathText = field<string>(
  value =>
    typeof value === 'string' && value.startsWith('/')
      ? value
      : { problem: `${shown(value)} is not a path`, hint: 'a path starts with `/`' },
  { type: 'string', pattern: '^/' },
);

const regex = text('a regular expression');

const path = z.union([
  shortPath,
  exactlyOne({ exact: pathText, prefix: pathText, regex }, '`{exact: /a}`, `{prefix: /a}` or `{regex: "/a/[0-9]+"}`').transform(
    ({ key, value }): PathMatch => ({ kind: key, value }),
  ),
]);

const yes = field<''>(value => (value === true ? '' : { problem: `${shown(value)} is not \`true\``, hint: 'write `true`' }), {
  const: true,
});

const value = text('a value');

const valueMatch = z.union([
  value.transform((value): ValueMatch => ({ kind: 'exact', value })),
  exactlyOne(
    { exact: value, prefix: value, regex, present: yes, absent: yes },
    '`jason`, `{prefix: j}` or `{present: true}`',
  ).transform(({ key, value }): ValueMatch => ({ kind: key, value })),
]);

const match = fields(
  {
    path: path
      .optional()
      .describe('`/cart` is that path, `/api/*` everything below; or `{exact|prefix|regex: …}`. The query is no part of it.'),
    methods: oneOrMany(method, '`[GET]`').optional().describe('Any of these methods.'),
    headers: namedMap(valueMatch, '`{end-user: jason}`')
      .optional()
      .describe('All of these headers: a value, or `{exact|prefix|regex: …}`, `{present: true}`, `{absent: true}`.'),
    query: namedMap(valueMatch, '`{debug: "1"}`').optional().describe('All of these query parameters, in the same forms.'),
  },
  '`{path: /cart}`',
);

/** Retry budgets are known by name, so that nobody believes one to be in force. */
const budget = field<never>(
  value => {
    const percent = parsePercent(value);
    return typeof percent === 'object'
      ? percent
      : { problem: 'retry budgets are not supported yet', hint: 'bound retries with `attempts`' };
  },
  { not: {} },
);

const attempts = integer(0, 10, 'a number of retries', 2);

const retries = z.union([
  attempts.transform(attempts => ({ attempts })),
  fields(
    {
      attempts: attempts.optional().describe('Retries after the first try, at most 10. Default `2`.'),
      on: oneOrMany(oneOf(conditions), '`[connect-failure]`')
        .optional()
        .describe('When to retry. Default `[connect-failure, gateway-error, reset]`.'),
      codes: oneOrMany(integer(100, 599, 'a status code', 503), '`[503]`')
        .optional()
        .describe('Status codes to retry; adds `retriable-status-codes`.'),
      perTry: duration.optional().describe('Time for one try. Default: none.'),
      backoff: duration.optional().describe('Base of the waiting time between tries. Default `25ms`.'),
      methods: oneOrMany(method, '`[GET]`').optional().describe('Any of these methods.'),
      budget: budget.optional().describe('Not supported yet.'),
    },
    '`{attempts: 2}`',
  ),
]);

/** A destination as written: `v2`, `reviews`, `reviews/v2`, `reviews:9080`. `resolve` finds out which. */
const destination = text('a destination', { type: 'string', examples: ['v2', 'reviews/v2'] });

const rule = {
  name: text('a name').optional().describe('Name in logs and metrics. Default `<owner>[<index>]`.'),
  match: oneOrMany(match, '`{path: /cart}`')
    .optional()
    .describe('When the rule applies: all parts of one mapping, any mapping of a list. Default: always.'),
  to: destination.optional().describe('Where to: a version of the service (`v2`), a service, `service/version`, `service:port`.'),
  split: namedMap(weight, '`{v1: 90, v2: 10}`')
    .optional()
    .describe('Where to, by weight: plain numbers, or percentages that add up to 100%.'),
  timeout: duration.optional().describe('Time for the whole request, all tries. Default: none.'),
  retries: retries
    .optional()
    .describe(
      'A number of retries, or the long form. Default: a connection that could not be made is tried twice more; `0` turns that off.',
    ),
};

/** A rule of `routes.<service>`. */
export const routeRule = fields(rule, '`{to: v2}`');

/** A rule of `gateways.<name>.routes`. */
export const gatewayRule = fields(
  { ...rule, hosts: oneOrMany(host, '`[shop.localhost]`').optional().describe('Host names the rule is for. Default: any.') },
  '`{to: web}`',
);

/** `routes:` by service. */
export const routes = namedMap(listOf(routeRule, '`- {to: v2}`'), '`reviews: [{to: v2}]`');

/** A rule of a service as written. */
export type RouteRuleSpec = z.output<typeof routeRule>;
/** A rule of a gateway as written. */
export type GatewayRuleSpec = z.output<typeof gatewayRule>;
/** `retries` as written. */
export type RetriesSpec = NonNullable<RouteRuleSpec['retries']>;
