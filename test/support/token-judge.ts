import type { Clock } from '../../src/async/clock.ts';
import { ExchangeFacts } from '../../src/proxy/exchange/exchange-facts.ts';
import { type LocalReply, localReplies } from '../../src/proxy/exchange/failure.ts';
import { type Caller, isWait, type RequestFilter } from '../../src/proxy/filters/filter.ts';
import { tokenFilter } from '../../src/proxy/filters/token.ts';
import type { VerifiedToken } from '../../src/proxy/token/verified-token.ts';
import type { TokenIssuer } from '../../src/snapshot/token-policy.ts';
import { requestHead, ruleParts } from '../proxy/rule-harness.ts';
import type { TokenKey } from './token-issuer.ts';

const caller: Caller = { principal: null, address: '10.0.0.9', scheme: 'http' };

/** What an issuer of tests has unless it is said otherwise. */
export function issuerOf(keys: readonly TokenKey[], more: Partial<TokenIssuer> = {}): TokenIssuer {
  return {
    issuer: 'https://auth.test',
    keys: keys.map(({ jwk }) => jwk),
    audiences: [],
    from: [
      { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
      { kind: 'query', name: 'access_token' },
    ],
    forward: false,
    claimHeaders: [],
    spaceDelimited: ['permission', 'scope'],
    ...more,
  };
}

/** What became of a request: how it was refused or what its token says, and the lines that the app would get. */
export interface Judged {
  readonly reply: LocalReply | null;
  readonly token: VerifiedToken | null;
  readonly sent: readonly string[];
  /** How often somebody had to be asked. */
  readonly waits: number;
}

/** Asks a token filter as an exchange does: after a wait everything begins anew but for what was found out. */
export async function judge(filter: RequestFilter, line: string, headers: readonly string[] = []): Promise<Judged> {
  const facts = new ExchangeFacts();
  for (let waits = 0; ; waits++) {
    const head = requestHead(line, headers);
    const verdict = filter(head, caller, facts.decision);
    if (isWait(verdict)) {
      await new Promise<void>(resolve => verdict.begin(resolve));
      facts.decideAnew();
      continue;
    }
    const reply = typeof verdict === 'string' ? localReplies[verdict] : verdict;
    const sent = head.forward(0, '').split('\r\n').slice(0, -1);
    return { reply, token: facts.decision.token, sent, waits };
  }
}

/** A token filter that remembers as it does in a sidecar. */
export function filterFor(issuers: readonly TokenIssuer[], clock?: Clock): RequestFilter {
  return tokenFilter(issuers, ruleParts(clock === undefined ? {} : { clock }));
}
