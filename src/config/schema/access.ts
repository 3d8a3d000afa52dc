import { z } from 'zod';
import { fields, listOf, oneOf, oneOrMany, text } from './field.ts';
import { accessPath, host, method, principal } from './leaves.ts';

const service = text('a service', { type: 'string' });

const rule = fields(
  {
    name: text('a name').optional().describe('Name in logs and metrics. Default `access[<index>]`.'),
    action: oneOf(['allow', 'deny']).optional().describe('Default `allow`. Deny rules go first.'),
    from: oneOrMany(service, '`[storefront]`')
      .optional()
      .describe('Calling services and gateways; `*` is any identity of the mesh. Default: anyone.'),
    principals: oneOrMany(principal, '`["*"]`').optional().describe('Callers by SPIFFE ID.'),
    to: oneOrMany(service, '`[reviews]`').optional().describe('Services the rule protects. Default: all.'),
    methods: oneOrMany(method, '`[GET]`').optional().describe('HTTP methods.'),
    paths: oneOrMany(accessPath, '`[/public/*]`')
      .optional()
      .describe('`/a` exact, `/a*` prefix, `*.css` suffix; decoded, without query.'),
    hosts: oneOrMany(host, '`[shop.localhost]`').optional().describe('Host names of the request.'),
  },
  '`{from: storefront, to: [reviews, details]}`',
);

const rules = listOf(rule, '`- {from: storefront, to: reviews}`');

/** `access:` as a list of rules, or with a default. */
export const access = z.union([
  rules.transform(rules => ({ default: undefined, rules })),
  fields(
    {
      default: oneOf(['allow', 'deny']).optional().describe('For what no rule speaks of. Default `allow`.'),
      rules: rules.optional(),
    },
    '`[{from: storefront, to: reviews}]`',
  ),
]);

/** `access` as written. */
export type AccessSpec = z.output<typeof access>;
/** One access rule as written. */
export type AccessRuleSpec = z.output<typeof rule>;
