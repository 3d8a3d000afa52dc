/** What a token says, once its signature, issuer, times and audience were found good. */
export interface VerifiedToken {
  readonly issuer: string;
  /** `<iss>/<sub>`; the empty string for a token without `sub`. */
  readonly principal: string;
  /** `aud`, as a list. */
  readonly audiences: readonly string[];
  /** `azp`, or the empty string. */
  readonly presenter: string;
  readonly claims: Claims;
  /** Claims whose text is a list of words. */
  readonly spaceDelimited: readonly string[];
}

/** The payload of a token. */
export type Claims = Readonly<Record<string, unknown>>;

/** The claim under these names, from the outside in; `undefined` where there is none. Only what the token itself holds: `constructor` is no claim. */
export function claimAt(claims: Claims, path: readonly string[]): unknown {
  let found: unknown = claims;
  for (const name of path) {
    if (typeof found !== 'object' || found === null || Array.isArray(found) || !Object.hasOwn(found, name)) return undefined;
    found = (found as Claims)[name];
  }
  return found;
}

/**
 * The texts that conditions on a claim look at: one, or one per item of a list; of `scope` and its like one per word. Empty for a claim that has no text (an
 * object, `null`), `null` where the token has no such claim, or there is no token.
 */
export function claimValues(token: VerifiedToken | null, path: readonly string[]): readonly string[] | null {
  if (token === null) return null;
  const claim = claimAt(token.claims, path);
  if (claim === undefined) return null;
  const [name] = path;
  if (typeof claim === 'string' && path.length === 1 && name !== undefined && token.spaceDelimited.includes(name))
    return claim.split(' ').filter(word => word !== '');
  return (Array.isArray(claim) ? claim : [claim]).flatMap(item => textOf(item) ?? []);
}

/** A claim as text, `null` for what is no single value. */
export function textOf(claim: unknown): string | null {
  if (typeof claim === 'string') return claim;
  return typeof claim === 'number' || typeof claim === 'boolean' ? String(claim) : null;
}
