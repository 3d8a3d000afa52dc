import { ExchangeFacts } from '../exchange/exchange-facts.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { VerifiedToken } from '../token/verified-token.ts';
import { type AccessJudge, ruleName } from './access-judge.ts';
import { HeadRequest } from './head-request.ts';

/** Says what the access rules of a gateway make of a request whose client shows no certificate. Asks nobody. */
export function explainAccess(judge: AccessJudge, head: RequestHead, token: VerifiedToken | null): readonly string[] {
  const { decision } = new ExchangeFacts();
  decision.token = token;
  const caller = { principal: null, address: '', scheme: 'https' } as const;
  const request = new HeadRequest().of(head, caller, decision);
  const rules = judge.of(caller);
  const asked = rules.customs(request).map(({ name, authorizer }) => `authorizer ${authorizer} is asked (${name})`);
  const verdict = rules.request(request);
  const refused = `access rules refuse a client without certificate: 403 (${ruleName(verdict)})`;
  return [...asked, ...(verdict.allowed ? [] : [refused])];
}
