import { parseDuration } from '../units.ts';
import { field, fields, oneOrMany } from './field.ts';
import { trustDomain } from './leaves.ts';

/** Shorter, and a mesh that starts up would renew before it is up; longer is what Istio refuses too. */
const bounds = { minMs: 30_000, maxMs: 90 * 86_400_000 };

const life = field<number>(value => parseDuration(value, bounds), {
  type: 'string',
  pattern: '^((\\d+(\\.\\d+)?(ms|s|m|h|d))+|.*\\$.*)$',
  examples: ['24h'],
});

/** What all identities have in common. */
export const identity = fields(
  {
    ttl: life.optional().describe('Life of a certificate, renewed after half of it. `30s` to `90d`, default `24h`.'),
    trustDomainAliases: oneOrMany(trustDomain, '`[old.local]`')
      .optional()
      .describe('Former trust domains: access rules that name one mean the present one too.'),
  },
  '`{ttl: 24h}`',
);
