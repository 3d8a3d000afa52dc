import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CompactJWSHeaderParameters, CompactSign, type CryptoKey, exportJWK, generateKeyPair, type JWK } from 'jose';

/** A key pair that signs tokens. */
export interface TokenKey {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: CryptoKey;
  /** The public half, with `kid` and `alg`. */
  readonly jwk: JWK & Readonly<Record<string, unknown>>;
}

/** Makes a key pair. `alg`: ES256, RS256, PS256, EdDSA … */
export async function tokenKey(alg = 'ES256', kid = 'key-1'): Promise<TokenKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg } };
}

/** Signs a token: its claims are exactly these. `header`: in place of, or besides, `alg` and `kid`; an undefined one is left out. */
export function mintToken(
  key: TokenKey,
  claims: object | string,
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const payload = Buffer.from(typeof claims === 'string' ? claims : JSON.stringify(claims));
  const all = Object.entries({ alg: key.alg, kid: key.kid, ...header }).filter(([, value]) => value !== undefined);
  return new CompactSign(payload).setProtectedHeader(Object.fromEntries(all) as CompactJWSHeaderParameters).sign(key.privateKey);
}

/** An issuer with a key set behind a real HTTP server. */
export interface TokenServer extends AsyncDisposable {
  /** Of the key set. */
  readonly url: string;
  /** Times that the key set was asked for. */
  readonly asked: number;
  /** What is answered from now on. */
  serve(answer: TokenAnswer): void;
}

/** An answer to whoever asks for the keys. */
export interface TokenAnswer {
  readonly keys?: readonly TokenKey[];
  /** Instead of the keys. */
  readonly body?: string;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Nothing is answered at all. */
  readonly silent?: true;
}

/** Serves the keys at `http://127.0.0.1:<port>/keys`. `port`: 0 for any. */
export async function serveKeys(first: TokenAnswer, address = '127.0.0.1', port = 0): Promise<TokenServer> {
  let answer = first;
  let asked = 0;
  const server: Server = createServer((_, response) => {
    asked += 1;
    if (answer.silent) return;
    const { keys = [], body = JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }), status = 200, headers = {} } = answer;
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  });
  await new Promise<void>(resolve => server.listen(port, address, resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
    get asked() {
      return asked;
    },
    serve(next) {
      answer = next;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}
