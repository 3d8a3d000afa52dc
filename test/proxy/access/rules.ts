import { AccessJudge, type AccessVerdict } from '../../../src/proxy/access/access-judge.ts';
import type { AccessCaller, AccessRequest } from '../../../src/proxy/access/access-request.ts';
import type { AccessFact, AccessPolicy, AccessRule } from '../../../src/snapshot/access-policy.ts';
import { AccessDecisions } from '../../../src/telemetry/access-decisions.ts';

type Wanted = { readonly [F in AccessFact | `not ${AccessFact}`]?: readonly string[] };

/** A rule from the facts that it asks for: `{ method: ['GET'], 'not path': ['/a*'] }`. */
export function rule(action: AccessRule['action'], wanted: Wanted = {}, more: Partial<AccessRule> = {}): AccessRule {
  const conditions = Object.entries(wanted).map(([key, values]) => {
    const not = key.startsWith('not ');
    return { on: key.replace('not ', '') as AccessFact, values, ...(not ? { not } : {}) };
  });
  return { name: 'r', action, conditions, ...more };
}

/** A request as rules see it. */
export function accessRequest(
  more: Partial<AccessRequest> & { readonly headers?: Readonly<Record<string, readonly string[]>> } = {},
): AccessRequest {
  const { headers = {}, ...rest } = more;
  return {
    method: 'GET',
    path: '/a',
    authority: 'reviews:9080',
    remoteAddress: '10.0.0.9',
    token: null,
    header: name => headers[name] ?? [],
    query: () => [],
    ...rest,
  };
}

export const web: AccessCaller = { principal: 'spiffe://shop.local/ns/default/sa/web', address: '10.0.0.9' };
export const plaintext: AccessCaller = { principal: null, address: '10.0.0.9' };

export function judgeOf(policy: AccessPolicy, direct = true): AccessJudge {
  return new AccessJudge(policy, { port: 9080, direct }, new AccessDecisions());
}

/** Judges one request. */
export function judged(
  policy: AccessPolicy,
  request: AccessRequest = accessRequest(),
  caller: AccessCaller = web,
): AccessVerdict {
  return judgeOf(policy).of(caller).request(request);
}

export function isAllowed(policy: AccessPolicy, request?: AccessRequest, caller?: AccessCaller): boolean {
  return judged(policy, request, caller).allowed;
}
