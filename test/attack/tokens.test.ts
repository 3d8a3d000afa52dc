/** Tokens as an attacker makes them: whatever is in them, the issuer's key decides, and nothing of them reaches the app but what it signed. */
import assert from 'node:assert/strict';
import { createHmac, createPublicKey, type webcrypto } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { exportSPKI, importJWK } from 'jose';
import type { Clock } from '../../src/async/clock.ts';
import { systemClock } from '../../src/async/clock.ts';
import type { ParsedToken } from '../../src/proxy/token/parsed-token.ts';
import { TokenCache } from '../../src/proxy/token/token-cache.ts';
import { mintToken, type TokenKey, tokenKey } from '../support/token-issuer.ts';
import { filterFor, issuerOf, type Judged, judge } from '../support/token-judge.ts';

const [ec, rsa, thief] = await Promise.all([tokenKey('ES256', 'ec'), tokenKey('RS256', 'rsa'), tokenKey('ES256', 'ec')]);
const iss = 'https://auth.test';
const now = Math.floor(Date.now() / 1000);
const claims = { iss, sub: 'admin', exp: now + 600 };

const encode = (value: object | string): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const part = (token: string, index: number): string => token.split('.')[index] ?? '';

/** The answer to a token, or `passed`. */
async function answer(token: string, keys: readonly TokenKey[] = [ec, rsa]): Promise<string> {
  return said(await judge(filterFor([issuerOf(keys)]), 'GET /', [`Authorization: Bearer ${token}`]));
}

function said({ reply }: Judged): string {
  return reply === null ? 'passed' : reply.body;
}

describe('the algorithm is not the token’s to choose', () => {
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
    test(`alg ${JSON.stringify(alg)}`, async () => {
      const head = encode({ alg, typ: 'JWT' });
      assert.equal(await answer(`${head}.${encode(claims)}.x`), 'Jwt header [alg] is not supported');
      assert.match(await answer(`${head}.${encode(claims)}.`), /not in the form/);
      assert.match(await answer(`${head}.${encode(claims)}`), /not in the form/);
    });
  }

  test('a public key as the secret of HS256, in every way to write it', async () => {
    const pem = await exportSPKI((await importJWK(rsa.jwk, 'RS256')) as Parameters<typeof exportSPKI>[0]);
    const der = createPublicKey({ key: rsa.jwk as webcrypto.JsonWebKey, format: 'jwk' }).export({ type: 'spki', format: 'der' });
    for (const secret of [pem, pem.trim(), der, JSON.stringify(rsa.jwk), rsa.jwk.n ?? ''])
      for (const alg of ['HS256', 'HS384', 'HS512']) {
        const text = `${encode({ alg, kid: 'rsa' })}.${encode(claims)}`;
        const hash = alg.replace('HS', 'sha');
        assert.equal(
          await answer(`${text}.${createHmac(hash, secret).update(text).digest('base64url')}`),
          'Jwt header [alg] is not supported',
        );
      }
  });

  test('one kind of key for another kind of signature', async () => {
    const none = "Jwks doesn't have key to match kid or alg from Jwt";
    assert.equal(await answer(await mintToken(ec, claims, { kid: 'rsa' })), none);
    assert.equal(await answer(await mintToken(rsa, claims, { kid: 'ec' })), none);
    assert.equal(await answer(await mintToken(await tokenKey('ES384', 'ec'), claims)), none);
    assert.equal(await answer(await mintToken(await tokenKey('EdDSA', 'ec'), claims)), none);
    // The key says RS256.
    assert.equal(await answer(await mintToken(await tokenKey('PS256', 'rsa'), claims)), none);
  });

  test('an encrypted token, and one of more parts', async () => {
    for (const token of ['a.b.c.d.e', 'a.b', '...', '..', 'a', '. . .', `${await mintToken(ec, claims)}.x`])
      assert.match(await answer(token), /not in the form/, token);
  });
});

describe('the key is not the token’s to bring', () => {
  for (const [what, header] of [
    ['jwk', { jwk: thief.jwk }],
    ['jwk and no kid', { jwk: thief.jwk, kid: undefined }],
    ['jku', { jku: 'https://evil.test/keys' }],
    ['x5u', { x5u: 'https://evil.test/cert.pem' }],
    ['x5c', { x5c: ['AAAA'] }],
  ] as const)
    test(what, async () => assert.equal(await answer(await mintToken(thief, claims, header)), 'Jwt verification fails'));

  for (const kid of [
    '../../../dev/null',
    '/dev/null',
    "x' UNION SELECT 'key",
    'ec\0',
    'EC',
    '__proto__',
    'constructor',
    '${ec}',
    'x'.repeat(4000),
  ])
    test(`kid ${JSON.stringify(kid.slice(0, 30))}`, async () =>
      assert.equal(await answer(await mintToken(ec, claims, { kid })), "Jwks doesn't have key to match kid or alg from Jwt"));

  test('a kid that is no text', async () => {
    for (const kid of [['ec'], { ec: 1 }, 7, null, true])
      assert.equal(
        await answer(`${encode({ alg: 'ES256', kid })}.${encode(claims)}.x`),
        'Jwt header [kid] field is not a string',
      );
  });

  for (const header of [{ crit: ['exp'], exp: 1 }, { crit: ['b64'], b64: false }, { crit: [] }, { crit: 'x' }])
    test(`crit ${JSON.stringify(header.crit)}`, async () => {
      const text = `${encode({ alg: 'ES256', kid: 'ec', ...header })}.${encode(claims)}`;
      assert.equal(await answer(`${text}.${part(await mintToken(ec, claims), 2)}`), 'Jwt header [crit] is not supported');
    });
});

describe('a good token does not help a bad one', () => {
  test('parts of two tokens', async () => {
    const [a, b] = [await mintToken(ec, { ...claims, sub: 'alice' }), await mintToken(ec, claims)];
    assert.equal(await answer(`${part(a, 0)}.${part(b, 1)}.${part(a, 2)}`), 'Jwt verification fails');
  });

  test('another text for a signature that is known', async () => {
    const filter = filterFor([issuerOf([ec])]);
    const token = await mintToken(ec, claims);
    const tried = async (text: string) => said(await judge(filter, 'GET /', [`Authorization: Bearer ${text}`]));
    assert.equal(await tried(token), 'passed');
    const signature = part(token, 2);
    const start = token.slice(0, -signature.length);
    // The last character of 64 bytes has four bits that say nothing.
    const last = signature.at(-1) ?? '';
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const twin = alphabet[alphabet.indexOf(last) ^ 1] ?? '';
    for (const other of [
      `${signature.slice(0, -1)}${twin}`,
      `${signature}==`,
      `${signature}=`,
      `${signature}A`,
      signature.replaceAll('-', '+').replaceAll('_', '/'),
    ])
      if (other !== signature)
        assert.match(await tried(start + other), /Jwt (signature is an invalid Base64url encoded|verification fails)/, other);
    // (r, n - s) is a good signature too: another text, so it is checked by itself, and says the same.
    const bytes = Buffer.from(signature, 'base64url');
    const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const s = n - BigInt(`0x${bytes.subarray(32).toString('hex')}`);
    const mirrored = Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
    assert.equal(
      (await judge(filter, 'GET /', [`Authorization: Bearer ${start}${mirrored.toString('base64url')}`])).token?.principal,
      `${iss}/admin`,
    );
  });

  test('several tokens, in one place or in two', async () => {
    const filter = filterFor([issuerOf([ec])]);
    const [good, bad] = [await mintToken(ec, claims), await mintToken(thief, claims)];
    const tried = async (line: string, ...headers: string[]) => said(await judge(filter, line, headers));
    const several = 'Several Jwts in one request';
    assert.equal(await tried('GET /', `Authorization: Bearer ${good}`, `Authorization: Bearer ${bad}`), several);
    assert.equal(await tried('GET /', `Authorization: Basic x`, `Authorization: bearer ${bad}`), 'Jwt verification fails');
    assert.equal(await tried(`GET /?access_token=${bad}`, `Authorization: Bearer ${good}`), several);
    assert.equal(await tried(`GET /?access_token=${good}&access_token=${bad}`), several);
    assert.equal(await tried(`GET /?access_token=${good}&access%5Ftoken=${bad}`), several);
    assert.match(await tried('GET /', `Authorization: Bearer ${good},Bearer ${bad}`), /not in the form/);
    assert.match(await tried('GET /', `Authorization: Bearer ${good} ${bad}`), /not in the form|Base64url/);
    assert.equal(await tried(`GET /?access_token=${good}`, `Authorization: Bearer ${good}`), 'passed');
  });

  for (const scheme of ['bearer ', 'BEARER ', 'Bearer  ', 'Bearer\t', 'bEaReR \t '])
    test(`the scheme written ${JSON.stringify(scheme)}`, async () => {
      const { reply } = await judge(filterFor([issuerOf([ec])]), 'GET /', [
        `Authorization: ${scheme}${await mintToken(thief, claims)}`,
      ]);
      assert.equal(reply?.body, 'Jwt verification fails');
    });

  test('a clock that goes back or forth does not bring an expired one back', async () => {
    let ms = now * 1000;
    const clock: Clock = { ...systemClock, now: () => ms };
    const filter = filterFor([issuerOf([ec])], clock);
    const headers = [`Authorization: Bearer ${await mintToken(ec, { ...claims, nbf: now })}`];
    assert.equal(said(await judge(filter, 'GET /', headers)), 'passed');
    ms = (now + 661) * 1000;
    assert.equal(said(await judge(filter, 'GET /', headers)), 'Jwt is expired');
    ms = (now - 61) * 1000;
    assert.equal(said(await judge(filter, 'GET /', headers)), 'Jwt not yet valid');
  });

  test('times that are no times', async () => {
    for (const exp of ['1e999', '-1', '"x"', 'true', '[]', '{}'])
      assert.match(
        await answer(await mintToken(ec, `{"iss":"${iss}","exp":${exp}}`)),
        exp === '1e999' ? /passed/ : /\[exp\] field/,
      );
    assert.equal(await answer(await mintToken(ec, `{"iss":"${iss}","exp":1,"exp":null}`)), 'passed');
  });
});

describe('size', () => {
  test('a huge token is not read', async () => {
    const huge = await mintToken(ec, { ...claims, x: 'x'.repeat(16_000) });
    assert.match(await answer(huge), /not in the form/);
    assert.equal(await answer(await mintToken(ec, { ...claims, x: 'x'.repeat(8_000) })), 'passed');
  });

  test('JSON as deep as fits, from anybody and from the issuer', async () => {
    const deep = `${'['.repeat(5_000)}${']'.repeat(5_000)}`;
    const filter = filterFor([issuerOf([ec], { claimHeaders: [{ header: 'x-deep', claim: ['deep'] }] })]);
    for (const key of [thief, ec]) {
      const token = await mintToken(key, `{"iss":"${iss}","deep":${deep}}`);
      assert.equal(
        said(await judge(filter, 'GET /', [`Authorization: Bearer ${token}`])),
        key === ec ? 'passed' : 'Jwt verification fails',
      );
    }
  });

  test('what is remembered has a bound', () => {
    const cache = new TokenCache<{ readonly parsed: ParsedToken }>();
    const put = (text: string): void => cache.put({ parsed: { text } as ParsedToken });
    for (let i = 0; i < 3000; i++) put(`token ${i}`);
    assert.equal(cache.size, 1000);
    assert.equal(cache.get('token 1999'), null);
    assert.notEqual(cache.get('token 2000'), null);
    put('one more');
    assert.notEqual(cache.get('token 2000'), null, 'what is asked for stays');
    assert.equal(cache.get('token 2001'), null);
    for (let i = 0; i < 100; i++) put(`${i}`.padEnd(16_000, 'x'));
    assert.equal(cache.size, Math.floor((512 * 1024) / 16_000));
  });

  test('bad tokens are not remembered, and cost one check each', async () => {
    const filter = filterFor([issuerOf([ec])]);
    const headers = [`Authorization: Bearer ${await mintToken(thief, claims)}`];
    for (let i = 0; i < 3; i++) assert.equal((await judge(filter, 'GET /', headers)).waits, 1);
  });
});

describe('what is not a token', () => {
  for (const [what, head, payload] of [
    ['bytes that are no UTF-8', Buffer.from([0xff, 0xfe]), encode(claims)],
    ['a byte order mark', Buffer.from('\ufeff{"alg":"ES256"}'), encode(claims)],
    ['a list', '[]', encode(claims)],
    ['null', 'null', encode(claims)],
    ['nothing', '""', encode(claims)],
  ] as const)
    test(`${what} for a header`, async () =>
      assert.equal(await answer(`${Buffer.from(head).toString('base64url')}.${payload}.x`), 'Jwt header is an invalid JSON'));

  test('names of the language for names of claims', async () => {
    for (const text of ['{"__proto__":{"iss":"https://auth.test"}}', '{"constructor":{}}', '{"toString":1,"hasOwnProperty":1}'])
      assert.equal(await answer(await mintToken(ec, text)), 'Jwt issuer is not configured');
    const told = [
      { header: 'x-a', claim: ['__proto__', 'x'] },
      { header: 'x-b', claim: ['constructor', 'name'] },
      { header: 'x-c', claim: ['toString'] },
    ];
    const { sent } = await judge(filterFor([issuerOf([ec], { claimHeaders: told })]), 'GET /', [
      `Authorization: Bearer ${await mintToken(ec, `{"iss":"${iss}"}`)}`,
    ]);
    assert.deepEqual(sent, ['GET / HTTP/1.1', 'Host: a']);
  });
});

describe('at random', () => {
  const filter = filterFor([
    issuerOf([ec, rsa], {
      from: [
        { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
        { kind: 'query', name: 't' },
        { kind: 'cookie', name: 'session' },
      ],
    }),
  ]);

  test('whatever stands where tokens are looked for is refused or no token, and never throws', async () => {
    const visible = fc.string({ unit: fc.integer({ min: 33, max: 126 }).map(code => String.fromCharCode(code)), maxLength: 60 });
    const dotted = fc
      .array(
        fc.oneof(
          visible,
          fc.jsonValue().map(value => encode(JSON.stringify(value))),
        ),
        { maxLength: 4 },
      )
      .map(parts => parts.join('.'));
    await fc.assert(
      fc.asyncProperty(dotted, dotted, dotted, async (header, query, cookie) => {
        const target = `GET /?t=${query.replaceAll('#', '')}`;
        const { reply, token } = await judge(filter, target, [`Authorization: Bearer ${header}`, `Cookie: session=${cookie}`]);
        assert.equal(token, null);
        assert.ok(reply === null || reply.status === 401);
      }),
    );
  });

  test('a good token with one character changed', async () => {
    const token = await mintToken(ec, claims);
    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 1), fc.constantFrom(...'ABYZabyz0189-_.='), async (at, character) => {
        fc.pre(token[at] !== character);
        const changed = token.slice(0, at) + character + token.slice(at + 1);
        const { reply } = await judge(filter, 'GET /', [`Authorization: Bearer ${changed}`]);
        assert.equal(reply?.status, 401, changed);
      }),
    );
  });
});
