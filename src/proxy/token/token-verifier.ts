import type { TokenIssuer } from '../../snapshot/token-policy.ts';
import type { ParsedToken } from './parsed-token.ts';
import type { SignatureKey } from './signature.ts';
import { TokenCache } from './token-cache.ts';
import { type TokenField, tokenFields } from './token-fields.ts';
import type { TokenProblem } from './token-problem.ts';
import type { VerifiedToken } from './verified-token.ts';

/** A token whose signature is that of its issuer. Whether its time has come, or gone, is asked for each request. */
export interface KnownToken {
  readonly parsed: ParsedToken;
  readonly issuer: TokenIssuer;
  readonly token: VerifiedToken;
  /** What the app is told. */
  readonly fields: readonly TokenField[];
}

type Jwk = TokenIssuer['keys'][number];

/** Checks signatures with the issuers' keys, and remembers which were good. Outlives a swap that leaves the issuers as they are. */
export class TokenVerifier {
  readonly #issuers: ReadonlyMap<string, TokenIssuer>;
  readonly #known = new TokenCache<KnownToken>();
  readonly #asked = new Map<string, Promise<TokenProblem | null>>();
  readonly #keys = new Map<string, Promise<SignatureKey | null>>();

  constructor(issuers: readonly TokenIssuer[]) {
    this.#issuers = new Map(issuers.map(issuer => [issuer.issuer, issuer]));
  }

  /** By `iss`; `null` for somebody who is not configured. */
  issuer(name: string): TokenIssuer | null {
    return this.#issuers.get(name) ?? null;
  }

  /** A token that was verified before, by its text. */
  known(text: string): KnownToken | null {
    return this.#known.get(text);
  }

  /** Verifies a token, once for all who ask at the same time; a good one is known afterwards. Never rejects. */
  verify(parsed: ParsedToken, issuer: TokenIssuer): Promise<TokenProblem | null> {
    const { text } = parsed;
    const before = this.#asked.get(text);
    if (before !== undefined) return before;
    const verdict = this.#verify(parsed, issuer)
      // What cannot be checked is not good.
      .catch((): TokenProblem => 'Jwt verification fails')
      .finally(() => this.#asked.delete(text));
    this.#asked.set(text, verdict);
    return verdict;
  }

  async #verify(parsed: ParsedToken, issuer: TokenIssuer): Promise<TokenProblem | null> {
    const { text, alg } = parsed;
    const keys = keysFor(parsed, issuer);
    if (typeof keys === 'string') return keys;
    const { isSignedWith } = await import('./signature.ts');
    for (const key of keys) {
      const ready = await this.#ready(key, alg);
      if (ready === null || !(await isSignedWith(text, ready, alg))) continue;
      this.#known.put({ parsed, issuer, token: whatItSays(parsed, issuer), fields: tokenFields(parsed, issuer) });
      return null;
    }
    return 'Jwt verification fails';
  }

  /** A key with nothing but the numbers that it is made of; `null` for one that cannot be used. */
  #ready({ kty, n, e, crv, x, y }: Jwk, alg: string): Promise<SignatureKey | null> {
    const numbers = Object.fromEntries(Object.entries({ kty, n, e, crv, x, y }).filter(([, value]) => value !== undefined));
    const id = JSON.stringify([alg, numbers]);
    const before = this.#keys.get(id);
    if (before !== undefined) return before;
    const ready = import('./signature.ts').then(({ signatureKey }) => signatureKey(numbers, alg)).catch(() => null);
    this.#keys.set(id, ready);
    return ready;
  }
}

/** Keys of the issuer that may have signed the token. */
export function keysFor({ alg, kid }: ParsedToken, { keys }: TokenIssuer): TokenIssuer['keys'] | TokenProblem {
  const fitting = keys.filter(key => fits(key, alg, kid));
  if (fitting.length > 0) return fitting;
  return keys.length === 0 ? 'Jwks remote fetch is failed' : "Jwks doesn't have key to match kid or alg from Jwt";
}

/** Whether a key may have signed with the algorithm: its type decides, never the token. A key without `kid` fits any. */
function fits(key: Jwk, alg: string, kid: string): boolean {
  if (kid !== '' && typeof key['kid'] === 'string' && key['kid'] !== '' && key['kid'] !== kid) return false;
  if (typeof key['alg'] === 'string' && key['alg'] !== alg && !(isEdwards(key['alg']) && isEdwards(alg))) return false;
  if (typeof key['use'] === 'string' && key['use'] !== 'sig') return false;
  switch (key['kty']) {
    case 'RSA':
      return /^[RP]S/.test(alg);
    case 'EC':
      return alg === { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' }[String(key['crv'])];
    case 'OKP':
      return key['crv'] === 'Ed25519' && isEdwards(alg);
    default:
      return false;
  }
}

/** Two names of one algorithm. @see RFC 9864 */
function isEdwards(alg: string): boolean {
  return alg === 'EdDSA' || alg === 'Ed25519';
}

/** What rules may ask of a token, once it was found good. */
export function whatItSays({ subject, audiences, claims }: ParsedToken, { issuer, spaceDelimited }: TokenIssuer): VerifiedToken {
  const { azp } = claims;
  return {
    issuer,
    principal: subject === '' ? '' : `${issuer}/${subject}`,
    audiences,
    presenter: typeof azp === 'string' ? azp : '',
    claims,
    spaceDelimited,
  };
}
