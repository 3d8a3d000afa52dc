/** What a sidecar makes of tokens: who is refused with which words, what the app gets. Signatures are real. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Clock } from '../../../src/async/clock.ts';
import { systemClock } from '../../../src/async/clock.ts';
import { claimValues } from '../../../src/proxy/token/verified-token.ts';
import type { TokenIssuer } from '../../../src/snapshot/token-policy.ts';
import { mintToken, tokenKey } from '../../support/token-issuer.ts';
import { filterFor, issuerOf, judge } from '../../support/token-judge.ts';

const key = await tokenKey();
const iss = 'https://auth.test';
const now = Math.floor(Date.now() / 1000);
const good = { iss, sub: 'alice', exp: now + 600 };
const mint = (claims: object | string, header = {}) => mintToken(key, claims, header);
const bearer = (token: string): string[] => [`Authorization: Bearer ${token}`];

/** Judges a request with this token by an issuer with these settings. */
async function tried(claims: object | string, more: Partial<TokenIssuer> = {}, header = {}, headers: readonly string[] = []) {
  return judge(filterFor([issuerOf([key], more)]), 'GET /a?b=1', [...headers, ...bearer(await mint(claims, header))]);
}

describe('what is let through', () => {
  test('a good token: it says who calls, and the app does not get it', async () => {
    const { reply, token, sent, waits } = await tried({ ...good, azp: 'cli', aud: ['x', 'y'] }, {}, {}, ['X-A: 1']);
    assert.equal(reply, null);
    assert.equal(waits, 1);
    assert.equal(token?.principal, 'https://auth.test/alice');
    assert.deepEqual([token?.presenter, token?.audiences], ['cli', ['x', 'y']]);
    assert.deepEqual(sent, ['GET /a?b=1 HTTP/1.1', 'Host: a', 'X-A: 1']);
  });

  test('no token, and what is no token', async () => {
    const filter = filterFor([issuerOf([key])]);
    for (const query of ['?access_token', '?access_token=', '?access_tokens=x', '?a&&=b'])
      assert.equal((await judge(filter, `GET /${query}`)).reply, null, query);
    for (const headers of [[], ['Authorization: Basic YTpi'], ['Authorization: Bearer'], ['Authorization: Bearertoken']]) {
      const { reply, token, sent } = await judge(filter, 'GET /', headers);
      assert.deepEqual([reply, token], [null, null], String(headers));
      assert.equal(sent.length, 2 + headers.length);
    }
  });

  test('a browser asks first, whatever token comes along', async () => {
    const filter = filterFor([issuerOf([key])]);
    const asks = ['Origin: https://page.test', 'Access-Control-Request-Method: POST', ...bearer('nonsense')];
    assert.equal((await judge(filter, 'OPTIONS /', asks)).reply, null);
    assert.equal((await judge(filter, 'OPTIONS /', asks.slice(1))).reply?.status, 401);
    assert.equal((await judge(filter, 'OPTIONS /', ['Origin: ', ...asks.slice(1)])).reply?.status, 401);
    assert.equal((await judge(filter, 'POST /', asks)).reply?.status, 401);
  });

  test('the signature is checked once, the time for every request', async () => {
    let ms = now * 1000;
    const clock: Clock = { ...systemClock, now: () => ms };
    const filter = filterFor([issuerOf([key])], clock);
    const headers = bearer(await mint(good));
    assert.deepEqual((await judge(filter, 'GET /', headers)).waits, 1);
    assert.deepEqual((await judge(filter, 'GET /', headers)).waits, 0);
    ms += 659_000;
    assert.equal((await judge(filter, 'GET /', headers)).reply, null);
    ms += 2_000;
    assert.equal((await judge(filter, 'GET /', headers)).reply?.body, 'Jwt is expired');
  });

  test('a minute of difference between clocks, and no end where the token has none', async () => {
    assert.equal((await tried({ iss, exp: now - 50 })).reply, null);
    assert.equal((await tried({ iss, nbf: now + 50 })).reply, null);
    assert.equal((await tried({ iss })).reply, null);
  });

  for (const alg of ['RS256', 'PS512', 'ES384', 'ES512', 'EdDSA']) {
    test(`a signature with ${alg}`, async () => {
      const other = await tokenKey(alg);
      const filter = filterFor([issuerOf([key, other])]);
      assert.equal((await judge(filter, 'GET /', bearer(await mintToken(other, good)))).reply, null);
    });
  }

  test('a token that names no key, and keys that have no name', async () => {
    const { kid: _, alg: __, ...nameless } = (await tokenKey()).jwk;
    const third = await tokenKey('ES256', 'key-3');
    const keys = [nameless, third.jwk, key.jwk];
    const filter = filterFor([issuerOf([], { keys })]);
    assert.equal((await judge(filter, 'GET /', bearer(await mint(good, { kid: undefined })))).reply, null);
    assert.equal((await judge(filter, 'GET /', bearer(await mint(good)))).reply, null);
  });
});

describe('what is refused, and how', () => {
  for (const [what, body, status, claims, more, header] of [
    ['an old token', 'Jwt is expired', 401, { ...good, exp: now - 61 }],
    ['a token of tomorrow', 'Jwt not yet valid', 401, { ...good, nbf: now + 90 }],
    ['somebody else’s token', 'Jwt issuer is not configured', 401, { ...good, iss: 'https://evil.test' }],
    ['a token of nobody', 'Jwt issuer is not configured', 401, { sub: 'alice' }],
    ['a token for others', 'Audiences in Jwt are not allowed', 403, { ...good, aud: 'shop' }, { audiences: ['bank'] }],
    ['a token for nobody', 'Audiences in Jwt are not allowed', 403, good, { audiences: ['bank'] }],
    ['an unknown key', "Jwks doesn't have key to match kid or alg from Jwt", 401, good, {}, { kid: 'other' }],
    ['an issuer without keys', 'Jwks remote fetch is failed', 401, good, { keys: [] }],
    ['a list instead of claims', 'Jwt payload is an invalid JSON', 401, '[1]'],
    ['a broken payload', 'Jwt payload is an invalid JSON', 401, '{"iss":'],
    ['an end that is no number', 'Jwt payload [exp] field is not a number', 401, { ...good, exp: String(now + 60) }],
    ['a beginning that is no number', 'Jwt payload [nbf] field is not a number', 401, { ...good, nbf: true }],
    ['an issuer that is no text', 'Jwt payload [iss] field is not a string', 401, { ...good, iss: [iss] }],
    ['an audience that is no text', 'Jwt payload [aud] field is not a string or string list', 401, { ...good, aud: [1] }],
  ] as const satisfies readonly (readonly [string, string, number, object | string, Partial<TokenIssuer>?, object?])[]) {
    test(`${what}: ${status} ${body}`, async () => {
      const { reply, token } = await tried(claims, more, header);
      assert.deepEqual([reply?.status, reply?.body], [status, body]);
      assert.equal(reply?.details, `jwt_authn_access_denied{${body.replaceAll(' ', '_')}}`);
      assert.equal(reply?.lines, 'www-authenticate: Bearer realm="http://a/a?b=1", error="invalid_token"\r\n');
      assert.equal(token, null);
    });
  }

  test('a signature of another key', async () => {
    const other = await tokenKey();
    const { reply, waits } = await judge(filterFor([issuerOf([key])]), 'GET /', bearer(await mintToken(other, good)));
    assert.deepEqual([reply?.body, waits], ['Jwt verification fails', 1]);
  });

  test('what stands in the realm cannot leave it', async () => {
    const { reply } = await judge(filterFor([issuerOf([key])]), 'GET /"\\x', bearer('x'));
    assert.equal(reply?.lines, 'www-authenticate: Bearer realm="http://a/%22%5Cx", error="invalid_token"\r\n');
  });
});

describe('where a token is', () => {
  const places: Partial<TokenIssuer> = {
    from: [
      { kind: 'header', name: 'x-token', prefix: '' },
      { kind: 'query', name: 'token' },
      { kind: 'cookie', name: 'session' },
    ],
  };

  test('in a field, a parameter or a cookie, and it is taken out of there', async () => {
    const filter = filterFor([issuerOf([key], places)]);
    const token = await mint(good);
    for (const [line, headers, sent] of [
      ['GET /a?b', [`X-Token: ${token}`, 'X-A: 1'], ['GET /a?b HTTP/1.1', 'Host: a', 'X-A: 1']],
      [`GET /a?b=1&token=${token}&c`, [], ['GET /a?b=1&c HTTP/1.1', 'Host: a']],
      [`GET /a?tok%65n=${token}`, [], ['GET /a HTTP/1.1', 'Host: a']],
      ['GET /a', [`Cookie: a=b; session=${token}; c=d`], ['GET /a HTTP/1.1', 'Host: a', 'cookie: a=b; c=d']],
      ['GET /a', [`Cookie: session="${token}"`, 'Cookie: x=y'], ['GET /a HTTP/1.1', 'Host: a', 'cookie: x=y']],
      ['GET /a', [`Cookie: session=${token}`], ['GET /a HTTP/1.1', 'Host: a']],
    ] as const) {
      const judged = await judge(filter, line, headers);
      assert.deepEqual([judged.reply, judged.token?.principal, judged.sent], [null, `${iss}/alice`, sent]);
    }
  });

  test('`forward` leaves it where it is', async () => {
    const filter = filterFor([issuerOf([key], { ...places, forward: true })]);
    const token = await mint(good);
    const { sent } = await judge(filter, `GET /?token=${token}`, [`Cookie: session=${token}`]);
    assert.deepEqual(sent, [`GET /?token=${token} HTTP/1.1`, 'Host: a', `Cookie: session=${token}`]);
  });

  test('an issuer’s token counts only where that issuer is looked for', async () => {
    const other: TokenIssuer = { ...issuerOf([key]), issuer: 'https://two.test' };
    const filter = filterFor([issuerOf([key], places), other]);
    const token = await mint({ iss: 'https://two.test' });
    assert.equal((await judge(filter, 'GET /', bearer(token))).reply, null);
    assert.equal((await judge(filter, `GET /?token=${token}`)).reply?.body, 'Jwt issuer is not configured');
  });
});

describe('what the app is told', () => {
  const claims = {
    ...{ ...good, admin: true, level: 3, name: 'Zoë', list: ['a', 'b'], 'a.b': 'dotted', realm: { groups: 'ops' } },
    ...{ lines: 'x\r\nx-admin: true', nul: 'a\0b', spaces: ' alice', none: null, empty: '' },
  };
  const told = (name: string, ...claim: string[]) => ({ header: name, claim });

  async function headers(...claimHeaders: TokenIssuer['claimHeaders']): Promise<readonly string[]> {
    const client = claimHeaders.map(({ header }) => `${header}: forged`);
    return (await tried(claims, { claimHeaders }, {}, client)).sent.slice(2);
  }

  test('texts, numbers and switches as they are; lists and objects as base64 of JSON', async () => {
    assert.deepEqual(await headers(told('x-user', 'sub'), told('x-admin', 'admin'), told('x-level', 'level')), [
      ...['x-user: alice', 'x-admin: true', 'x-level: 3'],
    ]);
    assert.deepEqual(await headers(told('x-group', 'realm', 'groups'), told('x-dot', 'a.b')), ['x-group: ops', 'x-dot: dotted']);
    assert.deepEqual(await headers(told('x-list', 'list')), [`x-list: ${Buffer.from('["a","b"]').toString('base64')}`]);
    assert.deepEqual(await headers(told('x-name', 'name')), [`x-name: ${Buffer.from('Zoë').toString('latin1')}`]);
  });

  test('nothing of what cannot stand in a field, and never the client’s own', async () => {
    for (const claim of [['lines'], ['nul'], ['spaces'], ['none'], ['empty'], ['missing'], ['sub', 'deeper'], ['list', '0']])
      assert.deepEqual(await headers(told('x-it', ...claim)), [], String(claim));
  });

  test('the payload, as it stands in the token', async () => {
    const { sent } = await tried(good, { payloadHeader: 'x-payload' });
    assert.deepEqual(sent.slice(2), [`x-payload: ${Buffer.from(JSON.stringify(good)).toString('base64url')}`]);
  });

  test('the client’s own fields are gone too where there is no token, and those that look like them', async () => {
    const filter = filterFor([issuerOf([key], { payloadHeader: 'x-payload', claimHeaders: [told('x-user', 'sub')] })]);
    const forged = ['X-User: root', 'X_User: root', 'x.user: root', 'X-PAYLOAD: e30', 'X-Other: 1'];
    assert.deepEqual((await judge(filter, 'GET /', forged)).sent, ['GET / HTTP/1.1', 'Host: a', 'X-Other: 1']);
    const asks = ['Origin: https://page.test', 'Access-Control-Request-Method: POST'];
    assert.deepEqual((await judge(filter, 'OPTIONS /', [...asks, ...forged])).sent.slice(2), [...asks, 'X-Other: 1']);
  });
});

describe('claims as conditions see them', () => {
  const token = {
    ...{ issuer: iss, principal: '', audiences: [], presenter: '', spaceDelimited: ['scope'] },
    claims: JSON.parse('{"scope":"read  write","list":["a",1,true,{}],"o":{"scope":"a b"},"n":null,"__proto__":{"x":"y"}}'),
  };
  for (const [path, values] of [
    [['scope'], ['read', 'write']],
    [['list'], ['a', '1', 'true']],
    [['o', 'scope'], ['a b']],
    [['o'], []],
    [['n'], []],
    [['missing'], null],
    [['constructor'], null],
    [['constructor', 'name'], null],
    [['__proto__', 'x'], ['y']],
    [['o', '__proto__'], null],
    [['list', 'length'], null],
    [['scope', 'length'], null],
  ] as const)
    test(path.join('.'), () => assert.deepEqual(claimValues(token, path), values));

  test('without a token there is none', () => assert.equal(claimValues(null, ['sub']), null));
});
