/** Key sets of issuers of tokens (RFC 7517): only public keys, and of them only what a signature can be checked with. */
import { createPublicKey, type webcrypto } from 'node:crypto';
import type { TokenIssuer } from '../snapshot/token-policy.ts';

/** Public keys that are good for checking signatures. */
export type PublicKeys = TokenIssuer['keys'];

/** Every request with a token of an unnamed key tries all of them. */
const maxKeys = 100;
/** What only the owner of a key has. `k`: a shared secret. */
const secretMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
/** The members of a public key, and what says which one it is. In this order, so that equal keys are equal text. */
const publicMembers = ['kty', 'kid', 'alg', 'use', 'n', 'e', 'crv', 'x', 'y'];

/**
 * Takes a key set apart. Keys for other purposes and of other kinds are left out.
 * @returns what is wrong with it: it is no key set, holds a secret, or no key that could be used
 */
export function publicKeys(set: unknown): PublicKeys | string {
  const keys = typeof set === 'object' && set !== null && 'keys' in set ? set.keys : null;
  if (!Array.isArray(keys) || !keys.every(isMapping)) return 'there is no key set (`{"keys": […]}`)';
  if (keys.length > maxKeys) return `the key set has ${keys.length} keys; at most ${maxKeys} are taken`;
  if (keys.some(key => key['kty'] === 'oct'))
    return 'the key set holds a shared secret (`oct`): whoever checks with it can sign too';
  if (keys.some(key => secretMembers.some(member => member in key))) return 'the key set holds a private key';
  const good = keys.filter(canVerify);
  if (good.length === 0)
    return keys.length === 0 ? 'the key set is empty' : 'the key set has no key for RS, PS, ES or EdDSA signatures';
  return good.map(key =>
    Object.fromEntries(publicMembers.flatMap(name => (typeof key[name] === 'string' ? [[name, key[name]]] : []))),
  );
}

function canVerify(key: Readonly<Record<string, unknown>>): boolean {
  if (key['use'] !== undefined && key['use'] !== 'sig') return false;
  if (Array.isArray(key['key_ops']) && !key['key_ops'].includes('verify')) return false;
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey({ key: key as webcrypto.JsonWebKey, format: 'jwk' });
    if (asymmetricKeyType === 'rsa') return (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048;
    return asymmetricKeyType === 'ed25519' || (asymmetricKeyType === 'ec' && /^P-(256|384|521)$/.test(String(key['crv'])));
  } catch {
    return false;
  }
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
