import type { TokenIssuer } from '../../snapshot/token-policy.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { outOfPlace, parseToken } from './parsed-token.ts';
import { tokenFieldNames, tokenFields } from './token-fields.ts';
import { TokenPlaces } from './token-places.ts';
import type { TokenProblem } from './token-problem.ts';
import { keysFor, whatItSays } from './token-verifier.ts';
import type { VerifiedToken } from './verified-token.ts';

/**
 * Does to the head of a request that nobody sends what `tokenFilter` does to others, but for the signature: that takes time. Returns what the token would say,
 * were it signed by its issuer; why it would be refused; `null` for a request without one. `nowMs`: since epoch.
 */
export function explainToken(
  issuers: readonly TokenIssuer[],
  head: RequestHead,
  nowMs: number,
): VerifiedToken | TokenProblem | null {
  for (const name of tokenFieldNames(issuers)) head.set(name, null);
  const places = new TokenPlaces(issuers);
  const found = places.find(head);
  if (found === null) return null;
  if (found === 'several') return 'Several Jwts in one request';
  const parsed = parseToken(found.text);
  if (typeof parsed === 'string') return parsed;
  const issuer = issuers.find(one => one.issuer === parsed.issuer && found.issuers.includes(one.issuer));
  if (issuer === undefined) return 'Jwt issuer is not configured';
  const keys = keysFor(parsed, issuer);
  const problem = outOfPlace(parsed, issuer.audiences, nowMs) ?? (typeof keys === 'string' ? keys : null);
  if (problem !== null) return problem;
  if (!issuer.forward) for (const place of found.places) place.strip(head);
  for (const { name, value } of tokenFields(parsed, issuer)) head.set(name, value);
  return whatItSays(parsed, issuer);
}
