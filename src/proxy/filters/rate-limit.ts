import type { RateLimit } from '../../snapshot/route-rule.ts';
import type { Decision } from '../exchange/exchange-role.ts';
import type { LocalReply } from '../exchange/failure.ts';
import { reasonPhrase } from '../exchange/reason-phrase.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { RuleParts } from '../route/rule-parts.ts';
import type { Caller, RequestFilter } from './filter.ts';
import { TokenBuckets } from './token-buckets.ts';

/**
 * Answers 429 when a bucket is empty; a request that any of the limits refuses takes no token of the others. `key` says whose limits these are: buckets stay
 * over a swap as long as name and numbers do. @see Envoy, local rate limit filter
 */
export function rateLimitFilter(limits: readonly RateLimit[], key: string, parts: RuleParts): RequestFilter {
  const { clock, rateLimits } = parts;
  const compiled = limits.map(limit => ({
    limit,
    keyOf: compileKey(limit.by),
    buckets: parts.kept.keep(`limit ${key} ${JSON.stringify(limit)}`, () => new TokenBuckets(limit)),
  }));
  return (head, caller, decision) => {
    const now = clock.monotonic();
    for (const { limit, buckets, keyOf } of compiled) {
      const bucket = keyOf(head, caller, decision);
      const wait = buckets.wait(bucket, now);
      if (wait > 0) {
        rateLimits.rateLimited += 1;
        return refusal(limit, wait, buckets.untilFull(bucket, now));
      }
    }
    rateLimits.ok += 1;
    for (const { buckets, keyOf } of compiled) buckets.take(keyOf(head, caller, decision), now);
    return null;
  };
}

function compileKey(by: RateLimit['by']): (head: RequestHead, caller: Caller, decision: Decision) => string {
  switch (by.kind) {
    case 'all':
      return () => '';
    case 'source':
      return (_, { principal, address }, { clientAddress }) => principal ?? (clientAddress || address);
    case 'header':
      return head => head.named(by.name) ?? '';
  }
}

/** Times in whole seconds, rounded up: whoever comes back then is let in. @see RFC 9110 §10.2.3, draft-ietf-httpapi-ratelimit-headers-03 */
function refusal({ requests, burst }: RateLimit, waitMs: number, untilFullMs: number): LocalReply {
  const limit = Math.max(requests, burst);
  const lines =
    `x-ratelimit-limit: ${limit}\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: ${seconds(untilFullMs)}\r\n` +
    `retry-after: ${seconds(waitMs)}\r\n`;
  const details = 'local_rate_limited';
  return { status: 429, reason: reasonPhrase(429), body: details, flag: 'RL', details, close: false, lines };
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}
