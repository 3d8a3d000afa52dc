import type { TokenIssuer } from '../../snapshot/token-policy.ts';
import type { TokenRefusals } from '../../telemetry/token-refusals.ts';
import type { Decision } from '../exchange/exchange-role.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { RuleParts } from '../route/rule-parts.ts';
import { outOfPlace, type ParsedToken, parseToken } from '../token/parsed-token.ts';
import { tokenFieldNames } from '../token/token-fields.ts';
import { TokenPlaces } from '../token/token-places.ts';
import { type TokenProblem, tokenRefusal } from '../token/token-problem.ts';
import { TokenVerifier } from '../token/token-verifier.ts';
import type { RequestFilter, Wait } from './filter.ts';

/**
 * Answers 401 when the request's token is bad, tells the app what a good one says, and takes it out unless it is to be forwarded. Who has none passes: to ask
 * for one is the access rules' part. The first request with a token waits until its signature is checked.
 * @see Istio RequestAuthentication; Envoy's JWT filter
 */
export function tokenFilter(issuers: readonly TokenIssuer[], parts: RuleParts): RequestFilter {
  const { clock, tokens } = parts;
  const verifier = parts.kept.keep(`tokens ${JSON.stringify(issuers)}`, () => new TokenVerifier(issuers));
  const places = new TokenPlaces(issuers);
  const ours = tokenFieldNames(issuers);
  return (head, { scheme }, decision) => {
    // Whoever fills them in, it is not the client: also where there is no token.
    for (const name of ours) head.set(name, null);
    if (isPreflight(head)) return null;
    // Counted when it was found out.
    if (decision.tokenProblem !== null) return tokenRefusal(decision.tokenProblem, head, scheme);
    const refuse = (problem: TokenProblem, by: string) => {
      tokens.count(by, problem);
      return tokenRefusal(problem, head, scheme);
    };
    const found = places.find(head);
    if (found === null) return null;
    if (found === 'several') return refuse('Several Jwts in one request', '');
    const known = verifier.known(found.text);
    const parsed = known?.parsed ?? parseToken(found.text);
    if (typeof parsed === 'string') return refuse(parsed, '');
    const issuer = found.issuers.includes(parsed.issuer) ? verifier.issuer(parsed.issuer) : null;
    if (issuer === null) return refuse('Jwt issuer is not configured', '');
    const problem = outOfPlace(parsed, issuer.audiences, clock.now());
    if (problem !== null) return refuse(problem, issuer.issuer);
    if (known === null) return verification(verifier, parsed, issuer, decision, tokens);
    decision.token = known.token;
    if (!issuer.forward) for (const place of found.places) place.strip(head);
    for (const { name, value } of known.fields) head.set(name, value);
    return null;
  };
}

/** Checks the signature; then the request is judged anew, and the token is known or its problem stands in the decision. */
function verification(
  verifier: TokenVerifier,
  parsed: ParsedToken,
  issuer: TokenIssuer,
  decision: Decision,
  tokens: TokenRefusals,
): Wait {
  return {
    kind: 'wait',
    begin(resume) {
      let over = false;
      void verifier.verify(parsed, issuer).then(problem => {
        // The decision may be another request's by now.
        if (over) return;
        decision.tokenProblem = problem;
        if (problem !== null) tokens.count(issuer.issuer, problem);
        resume();
      });
      return () => {
        over = true;
      };
    },
  };
}

/** A browser's question whether it may ask: it carries no token of its own making. @see https://fetch.spec.whatwg.org/#cors-preflight-request */
function isPreflight(head: RequestHead): boolean {
  return head.method === 'OPTIONS' && filled(head.named('origin')) && filled(head.named('access-control-request-method'));
}

function filled(value: string | null): boolean {
  return value !== null && value !== '';
}
