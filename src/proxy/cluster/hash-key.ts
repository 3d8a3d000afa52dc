import type { HashPolicy } from '../../snapshot/cluster-policy.ts';
import type { Decision } from '../exchange/exchange-role.ts';
import type { Caller } from '../filters/filter.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { queryReader } from '../route/route-match.ts';
import { hashText } from './hash.ts';

/**
 * What a request is told by, as a number for the balancer; `null` where it has nothing to be told by. A client without the cookie gets one where the policy
 * has a `ttlMs`: the line is added to `decision.answerLines`. `random`: uniform in [0, 1).
 */
export function hashOf(
  { by }: HashPolicy,
  head: RequestHead,
  caller: Caller,
  decision: Decision,
  random: () => number,
): number | null {
  switch (by.kind) {
    case 'header':
      return hashOrNull(by.name === 'host' ? head.authority : head.named(by.name));
    case 'query':
      return hashOrNull(queryReader(by.name)(head));
    case 'source':
      return hashText(decision.clientAddress || caller.address);
    case 'cookie': {
      const known = cookieOf(head.named('cookie'), by.name);
      if (known !== null) return hashText(known);
      if (by.ttlMs === undefined) return null;
      const value = word(random) + word(random);
      const age = Math.ceil(by.ttlMs / 1000);
      decision.answerLines += `set-cookie: ${by.name}="${value}"; Max-Age=${age}; Path=${by.path}; HttpOnly\r\n`;
      return hashText(value);
    }
  }
}

function hashOrNull(text: string | null): number | null {
  return text === null ? null : hashText(text);
}

/** A cookie's value without quotes; `null` where there is none of that name. @see RFC 6265 §4.2 */
function cookieOf(fields: string | null, name: string): string | null {
  if (fields === null) return null;
  for (const pair of fields.split(/[;,]/)) {
    const equals = pair.indexOf('=');
    if (equals < 0 || pair.slice(0, equals).trim() !== name) continue;
    return pair
      .slice(equals + 1)
      .trim()
      .replace(/^"(.*)"$/, '$1');
  }
  return null;
}

/** 32 random bits. */
function word(random: () => number): string {
  return Math.floor(random() * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
}
