import { z } from 'zod';
import type { RateLimit } from '../../snapshot/route-rule.ts';
import { exactlyOne, fields, integer, oneOf } from './field.ts';
import { headerName } from './http-leaves.ts';
import { duration } from './leaves.ts';

const most = 1_000_000_000;

const by = z.union([
  oneOf(['all', 'source'], '`{header: x-user}`').transform((kind): RateLimit['by'] => ({ kind })),
  exactlyOne({ header: headerName }, '`all`, `source` or `{header: x-user}`').transform(({ value }): RateLimit['by'] => ({
    kind: 'header',
    name: value,
  })),
]);

/** A token bucket. */
export const rateLimit = fields(
  {
    requests: integer(1, most, 'a number of requests', 100).describe('So many requests …'),
    per: duration.describe('… in this time; beyond them 429.'),
    burst: integer(1, most, 'a number of requests', 20)
      .optional()
      .describe('So many may come at once after a quiet time. Default: `requests`.'),
    by: by
      .optional()
      .describe(
        'One bucket for `all` (default), for each calling service (`source`), or for each value of a `{header: x-user}`.',
      ),
  },
  '`{requests: 100, per: 1s}`',
);

/** One rate limit as written. */
export type RateLimitSpec = z.output<typeof rateLimit>;

/** In long form; `name` tells buckets apart. */
export function rateLimitOf({ requests, per, burst = requests, by = { kind: 'all' } }: RateLimitSpec, name: string): RateLimit {
  return { name, requests, perMs: per, burst, by };
}
