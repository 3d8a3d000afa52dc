/**
 * Part of the contract between the planes: which tokens (JWT) a listener takes, and what becomes of their claims. Canonical as everything in a snapshot.
 */

/** Who issues tokens, and where they are looked for. A request without token passes; one whose token is bad is answered with 401. @see Istio RequestAuthentication */
export interface TokenIssuer {
  /** `iss` of the tokens. */
  readonly issuer: string;
  /** Public keys, JWK (RFC 7517), fetched and checked by the daemon. Empty: the keys could not be had, and every token of the issuer is refused. */
  readonly keys: readonly Readonly<Record<string, unknown>>[];
  /** One of them has to be in `aud`; empty: any. */
  readonly audiences: readonly string[];
  readonly from: readonly TokenPlace[];
  /** The token stays in the request. */
  readonly forward: boolean;
  /** Lower-case name of a field that gets the payload, base64url; the client's own is removed. */
  readonly payloadHeader?: string;
  readonly claimHeaders: readonly ClaimHeader[];
  /** Claims on the outermost level whose text is a list of words separated by spaces, as OAuth's `scope` is. */
  readonly spaceDelimited: readonly string[];
}

/** `header`: lower-case name, and what stands before the token. */
export type TokenPlace =
  | { readonly kind: 'header'; readonly name: string; readonly prefix: string }
  | { readonly kind: 'query'; readonly name: string }
  | { readonly kind: 'cookie'; readonly name: string };

/** A claim that the app gets as a field; the client's own field of that name is removed. */
export interface ClaimHeader {
  readonly header: string;
  /** Names from the outside in. */
  readonly claim: readonly string[];
}

/** Condition of a route on a claim of the verified token; a list matches when one of its items does. As `NamedMatch`. */
export interface ClaimMatch {
  readonly claim: readonly string[];
  readonly kind: 'exact' | 'prefix' | 'regex' | 'present' | 'absent';
  readonly value: string;
  readonly not?: true;
}
