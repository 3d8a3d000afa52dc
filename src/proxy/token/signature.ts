/** The one file of the sidecar that knows `jose`. Loaded with the first token that has to be verified: who has none pays nothing for it. */
import { type CryptoKey, compactVerify, importJWK, type JWK } from 'jose';

/** The numbers that a public key is made of. */
export type KeyNumbers = Readonly<Record<'kty' | 'n' | 'e' | 'crv' | 'x' | 'y', unknown>>;

/** A key that was made ready for an algorithm. */
export type SignatureKey = CryptoKey;

/** Makes a public key ready. @throws where the numbers are no key, or too small a one */
export async function signatureKey(numbers: Partial<KeyNumbers>, alg: string): Promise<SignatureKey> {
  return (await importJWK(numbers as JWK, alg)) as CryptoKey;
}

/** Whether the signature of a token was made with the key's private half, by exactly this algorithm. */
export async function isSignedWith(token: string, key: SignatureKey, alg: string): Promise<boolean> {
  try {
    await compactVerify(token, key, { algorithms: [alg] });
    return true;
  } catch {
    return false;
  }
}
