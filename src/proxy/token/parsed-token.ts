import type { TokenProblem } from './token-problem.ts';
import type { Claims } from './verified-token.ts';

/** A token that was read and not verified: nothing in it is true yet. */
export interface ParsedToken {
  readonly text: string;
  readonly alg: string;
  /** The empty string: it names no key. */
  readonly kid: string;
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  /** Seconds since epoch. */
  readonly expiresAt: number | null;
  readonly notBefore: number | null;
  readonly claims: Claims;
  /** As it stands in the token, base64url. */
  readonly payload: string;
}

/** More would have to be kept, and no server would take the head. */
const maxBytes = 16 * 1024;
/** Clocks of two machines differ. @see Envoy, JwtProvider.clock_skew_seconds */
const leewaySeconds = 60;
/** Signatures that only the holder of a private key can make. `none` and those with a shared secret are not among them: a public key is no secret. */
const algorithms: ReadonlySet<string> = new Set([
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
]);
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads the text of a token. @see RFC 7515 §7.1, RFC 7519 §4.1 */
export function parseToken(text: string): ParsedToken | TokenProblem {
  const parts = text.length > maxBytes ? [] : text.split('.');
  const [head = '', payload = '', signature = ''] = parts;
  if (parts.length !== 3 || head === '' || payload === '' || signature === '')
    return 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections';
  const headBytes = decoded(head);
  if (headBytes === null) return 'Jwt header is an invalid Base64url encoded';
  const header = objectIn(headBytes);
  if (header === null) return 'Jwt header is an invalid JSON';
  const { alg, kid = '', crit } = header;
  if (typeof alg !== 'string') return 'Jwt header [alg] field is required and must be a string';
  if (!algorithms.has(alg)) return 'Jwt header [alg] is not supported';
  if (typeof kid !== 'string') return 'Jwt header [kid] field is not a string';
  // It lists what whoever reads the token has to understand: we know of no such thing.
  if (crit !== undefined) return 'Jwt header [crit] is not supported';
  const payloadBytes = decoded(payload);
  if (payloadBytes === null) return 'Jwt payload is an invalid Base64url encoded';
  const claims = objectIn(payloadBytes);
  if (claims === null) return 'Jwt payload is an invalid JSON';
  if (decoded(signature) === null) return 'Jwt signature is an invalid Base64url encoded';
  const { iss = '', sub = '', aud = [], exp = null, nbf = null } = claims;
  if (typeof iss !== 'string') return 'Jwt payload [iss] field is not a string';
  if (typeof sub !== 'string') return 'Jwt payload [sub] field is not a string';
  if (!isTime(exp)) return 'Jwt payload [exp] field is not a number';
  if (!isTime(nbf)) return 'Jwt payload [nbf] field is not a number';
  const audiences = typeof aud === 'string' ? [aud] : aud;
  if (!isTexts(audiences)) return 'Jwt payload [aud] field is not a string or string list';
  return { text, alg, kid, issuer: iss, subject: sub, audiences, expiresAt: exp, notBefore: nbf, claims, payload };
}

/** What is wrong at this moment with a token of a known issuer, but for its signature; `null`: nothing. `nowMs`: since epoch. */
export function outOfPlace(token: ParsedToken, audiences: readonly string[], nowMs: number): TokenProblem | null {
  const now = nowMs / 1000;
  if (token.notBefore !== null && now + leewaySeconds < token.notBefore) return 'Jwt not yet valid';
  if (token.expiresAt !== null && now > token.expiresAt + leewaySeconds) return 'Jwt is expired';
  if (audiences.length > 0 && !token.audiences.some(one => audiences.includes(one))) return 'Audiences in Jwt are not allowed';
  return null;
}

/** `null` for what is not the one way to write these bytes: two texts must not be one token. */
function decoded(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : null;
}

function objectIn(bytes: Buffer): Claims | null {
  try {
    const value: unknown = JSON.parse(utf8.decode(bytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Claims) : null;
  } catch {
    return null;
  }
}

function isTime(value: unknown): value is number | null {
  return value === null || (typeof value === 'number' && value >= 0);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(item => typeof item === 'string');
}
