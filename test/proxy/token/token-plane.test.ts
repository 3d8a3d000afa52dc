/** Tokens through real connections: what waits for the first signature, what rules make of claims, what a reload of keys changes. */
import assert from 'node:assert/strict';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import type { RouteMatch, RouteRule } from '../../../src/snapshot/route-rule.ts';
import type { Snapshot } from '../../../src/snapshot/snapshot.ts';
import type { ClaimMatch, TokenIssuer } from '../../../src/snapshot/token-policy.ts';
import { eventually } from '../../support/eventually.ts';
import { mintToken, tokenKey } from '../../support/token-issuer.ts';
import { issuerOf } from '../../support/token-judge.ts';
import { rule as accessRule } from '../access/rules.ts';
import { type Backend, bodyOf, exchangeRaw, get, headerOf, readAll, startHttp, startRaw, statusOf } from '../backend.ts';
import { clusterTo, emptySnapshot, inboundSnapshot, ruleTo, startPlane } from '../data-plane-harness.ts';
import { match } from '../rule-harness.ts';

const [key, next] = await Promise.all([tokenKey('ES256', 'one'), tokenKey('ES256', 'two')]);
const iss = 'https://auth.test';
const now = Math.floor(Date.now() / 1000);
const claims = { iss, sub: 'alice', exp: now + 600, groups: ['beta', 'staff'], realm: { tier: 'gold' } };
const told: Partial<TokenIssuer> = { claimHeaders: [{ header: 'x-user', claim: ['sub'] }] };

const mint = (more: object = {}, by = key) => mintToken(by, { ...claims, ...more });
const bearer = (token: string): string => `Authorization: Bearer ${token}`;

/** Answers with the request as the app got it. */
function startEcho(): Promise<Backend> {
  return startHttp(async (request, response) => {
    const body = (await readAll(request)).toString();
    const { authorization = '', 'x-user': user = '' } = request.headers;
    response.end(JSON.stringify({ url: request.url, authorization, user, body }));
  });
}

describe('to the app', () => {
  test('requests of one connection wait in turn, with their bodies; the second token is known', async () => {
    await using app = await startEcho();
    await using plane = await startPlane('inbound', inboundSnapshot(app.port, { tokens: [issuerOf([key], told)] }), {
      localPort: app.port,
    });
    const one = `POST /1 HTTP/1.1\r\nHost: a\r\nX-User: root\r\n${bearer(await mint())}\r\nContent-Length: 5\r\n\r\nfirst`;
    const two = `POST /2 HTTP/1.1\r\nHost: a\r\n${bearer(await mint({ sub: 'bob' }))}\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nsecond\r\n0\r\n\r\n`;
    const answer = await exchangeRaw(plane.port, one + two + one + get('/4', 'X-User: root'));
    const bodies = [...answer.matchAll(/\{.*?\}/g)].map(
      ([text]) => JSON.parse(text) as { url: string; user: string; body: string; authorization: string },
    );
    assert.deepEqual(
      bodies.map(({ url, user, body, authorization }) => [url, user, body, authorization]),
      [
        ['/1', 'alice', 'first', ''],
        ['/2', 'bob', 'second', ''],
        ['/1', 'alice', 'first', ''],
        ['/4', '', '', ''],
      ],
    );
    assert.deepEqual(plane.bugs, []);
  });

  test('a bad one is answered, logged and counted; the connection lives on', async () => {
    await using app = await startEcho();
    const snapshot: Snapshot = { ...inboundSnapshot(app.port, { tokens: [issuerOf([key])] }), accessLog: 'json' };
    await using plane = await startPlane('inbound', snapshot, { localPort: app.port });
    const bad = `GET /a HTTP/1.1\r\nHost: shop\r\n${bearer(await mint({ exp: now - 100 }))}\r\n\r\n`;
    const answer = await exchangeRaw(plane.port, bad + get('/b'));
    assert.equal(statusOf(answer), 401);
    assert.match(answer, /Jwt is expiredHTTP\/1.1 200 OK/);
    assert.equal(headerOf(answer, 'www-authenticate'), 'Bearer realm="http://shop/a", error="invalid_token"');
    assert.equal(headerOf(answer, 'x-mesh-reason'), 'jwt_authn_access_denied{Jwt_is_expired}');
    await eventually(() => assert.equal(plane.accessLog.length, 2));
    const logged = JSON.parse(plane.accessLog[0] ?? '{}') as Record<string, unknown>;
    assert.deepEqual(
      [logged['response_code'], logged['response_code_details']],
      [401, 'jwt_authn_access_denied{Jwt_is_expired}'],
    );
    assert.match(plane.plane.metrics(), /istio_requests_total\{.*response_code="401"/);
  });

  test('HTTP/2: streams wait side by side; gRPC gets a status of its own', async () => {
    await using app = await startEcho();
    await using plane = await startPlane(
      'inbound',
      inboundSnapshot(app.port, { tokens: [issuerOf([key], told)], appProtocol: 'http1' }),
      { localPort: app.port },
    );
    const client = connectHttp2(`http://127.0.0.1:${plane.port}`);
    const ask = async (token: string, more: object = {}): Promise<{ headers: Record<string, unknown>; body: string }> => {
      const stream = client.request({ ':path': '/', authorization: `Bearer ${token}`, ...more });
      const headers = await new Promise<Record<string, unknown>>(resolve => stream.on('response', resolve));
      let body = '';
      for await (const part of stream) body += String(part);
      return { headers, body };
    };
    const tokens = await Promise.all(['a', 'b', 'c', 'd'].map(sub => mint({ sub })));
    const answers = await Promise.all(tokens.map(token => ask(token)));
    assert.deepEqual(
      answers.map(({ body }) => (JSON.parse(body) as { user: string }).user),
      ['a', 'b', 'c', 'd'],
    );
    const { headers } = await ask(await mint({}, next), {
      ':method': 'POST',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    assert.deepEqual([headers[':status'], headers['grpc-status']], [200, '16']);
    client.close();
  });

  test('a client that leaves while its token is checked harms nobody', async () => {
    await using app = await startEcho();
    await using plane = await startPlane('inbound', inboundSnapshot(app.port, { tokens: [issuerOf([key])] }), {
      localPort: app.port,
    });
    for (let i = 0; i < 20; i++) {
      const socket = connect(plane.port, '127.0.0.1');
      socket.on('error', () => undefined);
      const token = await mint({ jti: i });
      await new Promise<void>(resolve => socket.write(`GET / HTTP/1.1\r\nHost: a\r\n${bearer(token)}\r\n\r\n`, () => resolve()));
      socket.destroy();
    }
    assert.equal(statusOf(await exchangeRaw(plane.port, get('/', bearer(await mint())))), 200);
    assert.deepEqual(plane.bugs, []);
  });

  test('what a wait found wrong is forgotten with its request', async () => {
    await using app = await startEcho();
    await using plane = await startPlane('inbound', inboundSnapshot(app.port, { tokens: [issuerOf([key])] }), {
      localPort: app.port,
    });
    const forged = `GET /1 HTTP/1.1\r\nHost: a\r\n${bearer(await mintToken({ ...key, privateKey: next.privateKey }, claims))}\r\n\r\n`;
    const good = `GET /2 HTTP/1.1\r\nHost: a\r\n${bearer(await mint({ jti: 'x' }))}\r\n\r\n`;
    const answer = await exchangeRaw(plane.port, forged + good + forged + get('/3'));
    assert.deepEqual(
      [...answer.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status),
      ['401', '200', '401', '200'],
    );
    assert.match(answer, /Jwt verification fails/);
  });

  test('a WebSocket opens after its token was checked, as it would without', async () => {
    const seen: string[] = [];
    await using app = await startRaw(socket => {
      socket.on('data', data => {
        seen.push(String(data));
        if (seen.length === 1)
          socket.write(
            'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nhello',
          );
      });
    });
    await using plane = await startPlane('inbound', inboundSnapshot(app.port, { tokens: [issuerOf([key])] }), {
      localPort: app.port,
    });
    const socket = connect(plane.port, '127.0.0.1');
    let got = '';
    socket.on('data', data => (got += String(data)));
    const head = `GET /ws?access_token=${await mint()}&a=1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n`;
    socket.write(head);
    await eventually(() => assert.match(got, /^HTTP\/1.1 101 [\s\S]*\r\n\r\nhello$/));
    assert.match(seen[0] ?? '', /^GET \/ws\?a=1 HTTP\/1.1\r\n/);
    socket.destroy();
  });

  test('access rules ask what the token says', async () => {
    await using app = await startEcho();
    const on = (fact: 'token-principal' | 'token-audience' | 'token-presenter', value: string) =>
      accessRule('allow', { [fact]: [value] });
    const claim = {
      name: 'r',
      action: 'allow' as const,
      conditions: [{ on: 'claim' as const, name: ['groups'], values: ['staff'] }],
    };
    for (const [rule, more, status] of [
      [on('token-principal', '*'), null, 403],
      [on('token-principal', '*'), {}, 200],
      [on('token-principal', `${iss}/alice`), {}, 200],
      [on('token-principal', `${iss}/alice`), { sub: 'bob' }, 403],
      [on('token-audience', 'shop'), { aud: ['x', 'shop'] }, 200],
      [on('token-audience', 'shop'), { aud: 'x' }, 403],
      [on('token-presenter', 'cli'), { azp: 'cli' }, 200],
      [claim, {}, 200],
      [claim, { groups: ['guests'] }, 403],
      [claim, { groups: 'staff' }, 200],
      [claim, null, 403],
    ] as const) {
      const access = { default: 'deny' as const, rules: [rule] };
      await using plane = await startPlane('inbound', inboundSnapshot(app.port, { access, tokens: [issuerOf([key])] }), {
        localPort: app.port,
      });
      const answer = await exchangeRaw(plane.port, get('/', ...(more === null ? [] : [bearer(await mint(more))])));
      assert.equal(statusOf(answer), status, JSON.stringify([rule, more]));
    }
  });
});

describe('a reload', () => {
  test('of keys: both are good while both are there, a key that is gone takes its tokens with it', async () => {
    await using app = await startEcho();
    const snapshot = (...keys: (typeof key)[]) => inboundSnapshot(app.port, { tokens: [issuerOf(keys)] });
    await using plane = await startPlane('inbound', snapshot(key), { localPort: app.port });
    const [old, fresh] = [await mint(), await mint({}, next)];
    const statuses = async () => [
      statusOf(await exchangeRaw(plane.port, get('/', bearer(old)))),
      statusOf(await exchangeRaw(plane.port, get('/', bearer(fresh)))),
    ];
    assert.deepEqual(await statuses(), [200, 401]);
    plane.plane.apply(snapshot(key, next));
    assert.deepEqual(await statuses(), [200, 200]);
    plane.plane.apply(snapshot(next));
    assert.deepEqual(await statuses(), [401, 200]);
    plane.plane.apply(snapshot());
    assert.deepEqual(await statuses(), [401, 401]);
    plane.plane.apply(inboundSnapshot(app.port));
    assert.deepEqual(await statuses(), [200, 200]);
  });
});

describe('at a gateway', () => {
  const port = 8080;

  async function at(
    app: Backend,
    rules: readonly (readonly [string, Partial<RouteMatch>])[],
    tokens: readonly TokenIssuer[] = [issuerOf([key], told)],
  ) {
    const routes = rules.map(
      ([name, one]): RouteRule => ({
        ...ruleTo('a'),
        name,
        matches: [match(one)],
        action: { kind: 'respond', status: 200, body: name, contentType: 'text/plain' },
      }),
    );
    const snapshot: Snapshot = {
      ...emptySnapshot,
      kind: 'gateway',
      clusters: [clusterTo('a', [app.port])],
      gateway: [{ name: 'web', port, protocol: 'http', routeTable: 't', tcp: [], ...(tokens.length === 0 ? {} : { tokens }) }],
      routeTables: [{ name: 't', virtualHosts: [{ name: '*', domains: ['*'], rules: routes }] }],
    };
    return startPlane('gateway', snapshot, { localPort: port });
  }

  const claim = (path: string, kind: ClaimMatch['kind'], value = '', not = false): Partial<RouteMatch> => ({
    claims: [{ claim: path.split('.'), kind, value, ...(not ? { not: true as const } : {}) }],
  });

  for (const [what, wanted, takes] of [
    ['an item of a list', claim('groups', 'exact', 'beta'), true],
    ['no item of a list', claim('groups', 'exact', 'bet'), false],
    ['a beginning', claim('sub', 'prefix', 'ali'), true],
    ['a pattern', claim('realm.tier', 'regex', 'gold|silver'), true],
    ['one that is there', claim('realm', 'present'), true],
    ['one that is not there', claim('nothing', 'present'), false],
    ['that none is there', claim('nothing', 'absent'), true],
    ['none of the items', claim('groups', 'exact', 'staff', true), false],
    ['none of the items, and there is none', claim('groups', 'exact', 'root', true), true],
  ] as const)
    test(`a rule asks for ${what}`, async () => {
      await using app = await startEcho();
      await using plane = await at(app, [['it', wanted]]);
      const answer = await exchangeRaw(plane.port, get('/', bearer(await mint())));
      assert.deepEqual([statusOf(answer), bodyOf(answer)], takes ? [200, 'it'] : [404, '']);
    });

  test('without a token, with a bad one, and where nobody looks for one', async () => {
    await using app = await startEcho();
    const beta = claim('groups', 'exact', 'beta');
    await using plane = await at(app, [['beta', beta]]);
    assert.equal(statusOf(await exchangeRaw(plane.port, get('/'))), 404);
    assert.equal(
      statusOf(await exchangeRaw(plane.port, get('/', 'request.auth.claims.groups: beta', '@request.auth.claims.groups: beta'))),
      400,
    );
    assert.equal(statusOf(await exchangeRaw(plane.port, get('/', bearer(await mint({}, next))))), 401);
    await using blind = await at(app, [['beta', beta]], []);
    assert.equal(statusOf(await exchangeRaw(blind.port, get('/', bearer(await mint())))), 404);
  });

  test('a rule sees the fields that tell of the token, and never the client’s', async () => {
    await using app = await startEcho();
    const user = (value: string): Partial<RouteMatch> => ({ headers: [{ name: 'x-user', kind: 'exact', value }] });
    await using plane = await at(app, [
      ['root', user('root')],
      ['alice', user('alice')],
      ['nobody', { headers: [{ name: 'x-user', kind: 'absent', value: '' }] }],
    ]);
    assert.equal(bodyOf(await exchangeRaw(plane.port, get('/', 'X-User: root', bearer(await mint())))), 'alice');
    assert.equal(bodyOf(await exchangeRaw(plane.port, get('/', 'X-User: root'))), 'nobody');
  });
});

test('tokens that are refused are counted, by issuers that are configured and reasons of ours', async () => {
  await using app = await startEcho();
  await using plane = await startPlane('inbound', inboundSnapshot(app.port, { tokens: [issuerOf([key])] }), {
    localPort: app.port,
  });
  assert.doesNotMatch(plane.plane.metrics(), /mesh_tokens_refused_total/);
  const ask = async (token: string): Promise<number> => statusOf(await exchangeRaw(plane.port, get('/', bearer(token))));
  assert.equal(await ask(await mint()), 200);
  assert.equal(await ask(await mint({ exp: now - 600 })), 401);
  const forged = await mint({}, next);
  assert.equal(await ask(forged), 401);
  for (let i = 0; i < 50; i++) assert.equal(await ask(await mint({ iss: `https://stranger-${i}.test` })), 401);
  assert.equal(await ask('no"token\\'), 401);
  const counted = plane.plane
    .metrics()
    .match(/^mesh_tokens_refused_total.*$/gm)
    ?.sort();
  assert.deepEqual(counted, [
    'mesh_tokens_refused_total{issuer="https://auth.test",reason="Jwks_doesn\'t_have_key_to_match_kid_or_alg_from_Jwt"} 1',
    'mesh_tokens_refused_total{issuer="https://auth.test",reason="Jwt_is_expired"} 1',
    'mesh_tokens_refused_total{issuer="unknown",reason="Jwt_is_not_in_the_form_of_Header.Payload.Signature_with_two_dots_and_3_sections"} 1',
    'mesh_tokens_refused_total{issuer="unknown",reason="Jwt_issuer_is_not_configured"} 50',
  ]);
});
