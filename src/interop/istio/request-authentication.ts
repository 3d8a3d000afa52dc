/** RequestAuthentications as `tokens`. */
import type { TokensDocument } from '../mesh-document.ts';
import { claimName } from './claim-name.ts';
import type { IstioObject } from './objects.ts';
import type { JwtRuleSpec, RequestAuthenticationSpec } from './security-objects.ts';
import type { Targets } from './targets.ts';

/** What one object says for its targets. Rules whose keys cannot be read refuse every token of their issuer, as in Istio. */
export function translateRequestAuthentication(
  { spec }: IstioObject,
  targets: Targets,
  note: (message: string) => void,
): readonly TokensDocument[] {
  const { jwtRules = [] } = (spec ?? {}) as RequestAuthenticationSpec;
  return jwtRules.map(rule => {
    const { outputClaimToHeaders = [] } = rule;
    if (rule.timeout !== undefined) note('the time limit for fetching keys is left out: the daemon fetches them ahead');
    return {
      issuer: rule.issuer,
      jwks: keysOf(rule, note),
      audiences: filled(rule.audiences),
      from: placesOf(rule),
      to: targets ?? undefined,
      forward: rule.forwardOriginalToken === true ? true : undefined,
      payloadHeader: rule.outputPayloadToHeader,
      claimsToHeaders:
        outputClaimToHeaders.length === 0
          ? undefined
          : Object.fromEntries(outputClaimToHeaders.map(({ header, claim }) => [header, claimName(claim)])),
      spaceDelimited: filled(rule.spaceDelimitedClaims),
    };
  });
}

function keysOf({ issuer, jwks, jwksUri }: JwtRuleSpec, note: (message: string) => void): TokensDocument['jwks'] {
  if (jwks !== undefined) {
    try {
      const { keys } = JSON.parse(jwks) as { readonly keys: readonly unknown[] };
      return { keys };
    } catch {
      note(`the keys of ${issuer} are not JSON: write them`);
      return { keys: [] };
    }
  }
  if (jwksUri !== undefined) return jwksUri;
  // OpenID Connect Discovery, section 4: where Istio looks as well.
  note(`no keys are given for ${issuer}: they are looked for where OpenID providers usually have them`);
  return `${issuer.replace(/\/$/, '')}/.well-known/jwks.json`;
}

/** `undefined`: the usual places. */
function placesOf({ fromHeaders, fromParams, fromCookies }: JwtRuleSpec): TokensDocument['from'] {
  const places = { headers: filled(fromHeaders), query: filled(fromParams), cookies: filled(fromCookies) };
  return Object.values(places).every(place => place === undefined) ? undefined : places;
}

function filled<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list;
}
