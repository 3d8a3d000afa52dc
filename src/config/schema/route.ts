import { z } from 'zod';
import { cors } from './cors.ts';
import { fault } from './fault.ts';
import { checked, fields, listOf, namedMap, oneOrMany, text } from './field.ts';
import { headers } from './headers.ts';
import { flag, percent } from './http-leaves.ts';
import { duration, host, weight } from './leaves.ts';
import { match } from './match.ts';
import { rateLimit } from './rate-limit.ts';
import { retries } from './retries.ts';
import { redirect, respond, rewrite } from './rewrite.ts';

/** A destination as written: `v2`, `reviews`, `reviews/v2`, `reviews:9080`. `resolve` finds out which. */
const destination = text('a destination', { type: 'string', examples: ['v2', 'reviews/v2'] });

/** A share of `split`: its weight, or that with changes of headers. */
const share = z.union([
  weight.transform(weight => ({ weight, headers: undefined })),
  checked(
    fields(
      {
        weight: weight.describe('A plain number, or a percentage.'),
        headers: headers.optional().describe('Changes of header fields for this share only.'),
      },
      '`90` or `{weight: 90, headers: {response: {set: {x-version: v1}}}}`',
    ),
    ({ weight, headers }) => ({ weight, headers }),
  ),
]);

const mirror = z.union([
  destination.transform(to => ({ to, percent: undefined })),
  checked(
    fields(
      {
        to: destination.describe('Who gets a copy.'),
        percent: percent.optional().describe('Of how many requests. Default `100%`.'),
      },
      '`v3` or `{to: v3, percent: 10%}`',
    ),
    ({ to, percent }) => ({ to, percent }),
  ),
]);

const rule = {
  name: text('a name').optional().describe('Name in logs and metrics. Default `<owner>[<index>]`.'),
  match: oneOrMany(match, '`{path: /cart}`')
    .optional()
    .describe('When the rule applies: all parts of one mapping, any mapping of a list. Default: always.'),
  to: destination.optional().describe('Where to: a version of the service (`v2`), a service, `service/version`, `service:port`.'),
  split: namedMap(share, '`{v1: 90, v2: 10}`')
    .optional()
    .describe('Where to, by weight: plain numbers, or percentages that add up to 100%; or `{weight: 90, headers: …}`.'),
  exact: flag.optional().describe('`true`: the shares of `split` take turns, 90/10 is 9 and 1 of every 10. Default: drawn.'),
  rewrite: rewrite.optional().describe('Changes path and host of the request.'),
  redirect: redirect.optional().describe('Sends the client elsewhere. Instead of `to`.'),
  respond: respond.optional().describe('Answers in place of a service. Instead of `to`.'),
  headers: headers.optional().describe('Changes header fields of requests and answers.'),
  cors: cors.optional().describe('Lets web pages of other origins call.'),
  mirror: oneOrMany(mirror, '`v3`')
    .optional()
    .describe('Sends copies there and drops the answers: a destination, or `{to: v3, percent: 10%}`; or a list.'),
  fault: oneOrMany(fault, '`{delay: 2s, percent: 50%}`').optional().describe('Failures made on purpose: one, or a list.'),
  timeout: duration.optional().describe('Time for the whole request, all tries. Default: none.'),
  idleTimeout: duration.optional().describe('Time without a byte either way. Default: none.'),
  retries: retries
    .optional()
    .describe(
      'A number of retries, or the long form. Default: what surely was not seen by a server is tried twice more; `0` turns that off.',
    ),
  rateLimit: oneOrMany(rateLimit, '`{requests: 10, per: 1s}`')
    .optional()
    .describe("Requests that each caller's sidecar lets through: one limit, or a list."),
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
