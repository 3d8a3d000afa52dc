import { z } from 'zod';
import { fields, listOf, oneOf, oneOrMany, text } from './field.ts';
import { accessPath, host, method, principal } from './leaves.ts';

const service = text('a service', { type: 'string' });

const rule = fields(
  {
    name: text('a name').optional(),
    action: oneOf(['allow', 'deny']).optional(),
    from: oneOrMany(service, '`[storefront]`').optional(),
    principals: oneOrMany(principal, '`["*"]`').optional(),
    to: oneOrMany(service, '`[reviews]`').optional(),
    methods: oneOrMany(method, '`[GET]`').optional(),
    paths: oneOrMany(accessPath, '`[/public/*]`').optional(),
    hosts: oneOrMany(host, '`[shop.localhost]`').optional(),
  },
  '`{from: storefront, to: [reviews, details]}`',
);

const rules = listOf(rule, '`- {from: storefront, to: reviews}`');

/** `access:` as a list of rules, or with a default. */
export const access = z.union([
  rules.transform(rules => ({ default: undefined, rules })),
  fields({ default: oneOf(['allow', 'deny']).optional(), rules: rules.optional() }, '`[{from: storefront, to: reviews}]`'),
]);

export type AccessSpec = z.output<typeof access>;
export type AccessRuleSpec = z.output<typeof rule>;
