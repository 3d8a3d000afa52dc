/** The tokens that Istio's cases name, signed with a key of our own. */

import { mintToken, type TokenKey, tokenKey } from '../../support/token-issuer.ts';
import type { CaseObject } from './istio-cases.ts';

/** Writes tokens and keys where cases only name them. */
export class CaseTokens {
  readonly #key: TokenKey;
  readonly #tokens: ReadonlyMap<string, string>;

  private constructor(key: TokenKey, tokens: ReadonlyMap<string, string>) {
    this.#key = key;
    this.#tokens = tokens;
  }

  /** `payloads`: claims by the token's name. */
  static async mint(payloads: Readonly<Record<string, Readonly<Record<string, unknown>>>>): Promise<CaseTokens> {
    const key = await tokenKey();
    const tokens = await Promise.all(
      Object.entries(payloads).map(async ([name, claims]) => [name, await mintToken(key, claims)] as const),
    );
    return new CaseTokens(key, new Map(tokens));
  }

  /** The object with keys; every issuer has the same. */
  withKeys(object: CaseObject): CaseObject {
    const keySet = JSON.stringify({ keys: [this.#key.jwk] });
    const spec = JSON.stringify(object.spec)
      .replaceAll('"{jwks}"', JSON.stringify(keySet))
      .replaceAll('"jwks":"{unfetchable}"', '"jwksUri":"http://127.0.0.1:1/keys"');
    return { ...object, spec: JSON.parse(spec) };
  }

  /** `Bearer {jwt:A}` and `{base64url payload of A}` in full. */
  written(text: string): string {
    return text
      .replace(/\{jwt:(\w+)\}/g, (_, name: string) => this.#token(name))
      .replace(/\{base64url payload of (\w+)\}/g, (_, name: string) => this.#token(name).split('.')[1] ?? '');
  }

  #token(name: string): string {
    const token = this.#tokens.get(name);
    if (token === undefined) throw new Error(`there is no token ${name}`);
    return token;
  }
}
