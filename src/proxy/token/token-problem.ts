import type { LocalReply } from '../exchange/failure.ts';
import { reasonPhrase } from '../exchange/reason-phrase.ts';
import type { RequestHead } from '../http1/request-head.ts';

/** Why a token is refused; what the client is told. @see Envoy's JWT filter, whose words users know */
export type TokenProblem =
  | 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections'
  | 'Jwt header is an invalid Base64url encoded'
  | 'Jwt header is an invalid JSON'
  | 'Jwt header [alg] field is required and must be a string'
  | 'Jwt header [alg] is not supported'
  | 'Jwt header [kid] field is not a string'
  | 'Jwt header [crit] is not supported'
  | 'Jwt payload is an invalid Base64url encoded'
  | 'Jwt payload is an invalid JSON'
  | 'Jwt payload [iss] field is not a string'
  | 'Jwt payload [sub] field is not a string'
  | 'Jwt payload [exp] field is not a number'
  | 'Jwt payload [nbf] field is not a number'
  | 'Jwt payload [aud] field is not a string or string list'
  | 'Jwt signature is an invalid Base64url encoded'
  | 'Jwt issuer is not configured'
  | 'Jwt not yet valid'
  | 'Jwt is expired'
  | 'Audiences in Jwt are not allowed'
  | 'Jwks remote fetch is failed'
  | "Jwks doesn't have key to match kid or alg from Jwt"
  | 'Jwt verification fails'
  | 'Several Jwts in one request';

/** A longer path is cut in `www-authenticate`. */
const maxUriLength = 256;

/** The answer to a request with a bad token. `scheme`: as the client called. */
export function tokenRefusal(problem: TokenProblem, head: RequestHead, scheme: 'http' | 'https'): LocalReply {
  const status = problem === 'Audiences in Jwt are not allowed' ? 403 : 401;
  const uri = `${scheme}://${head.authority}${head.target.slice(0, maxUriLength)}`.replaceAll('\\', '%5C').replaceAll('"', '%22');
  const details = `jwt_authn_access_denied{${problem.replaceAll(' ', '_')}}`;
  const lines = `www-authenticate: Bearer realm="${uri}", error="invalid_token"\r\n`;
  return { status, reason: reasonPhrase(status), body: problem, flag: '-', details, close: false, lines };
}
