/** Conditions on what really stands in a head: names in any case, fields that come twice, codes in queries and paths. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HeadRequest } from '../../../src/proxy/access/head-request.ts';
import { ExchangeFacts } from '../../../src/proxy/exchange/exchange-facts.ts';
import type { VerifiedToken } from '../../../src/proxy/token/verified-token.ts';
import type { AccessCondition } from '../../../src/snapshot/access-policy.ts';
import { requestHead } from '../rule-harness.ts';
import { judgeOf, rule, web } from './rules.ts';

/** Whether a rule with this condition matches the request. */
function matches(
  condition: AccessCondition,
  line: string,
  headers: readonly string[] = [],
  token: VerifiedToken | null = null,
  action: 'allow' | 'deny' = 'allow',
): boolean {
  const { decision } = new ExchangeFacts();
  decision.token = token;
  const request = new HeadRequest().of(requestHead(line, headers), { ...web, scheme: 'http' }, decision);
  const verdict = judgeOf({
    default: action === 'allow' ? 'deny' : 'allow',
    rules: [rule(action, {}, { conditions: [condition] })],
  })
    .of(web)
    .request(request);
  return verdict.rule !== null;
}

describe('headers', () => {
  const role = (...values: string[]): AccessCondition => ({ on: 'header', name: ['x-role'], values });
  const asked = (condition: AccessCondition, ...headers: string[]): boolean => matches(condition, 'GET /', headers);
  test('are found in any case, wherever they stand', () => {
    assert.ok(asked(role('admin'), 'A: b', 'X-RoLe: admin', 'C: d'));
    assert.ok(asked(role('admin'), 'X-Role:   admin  '));
    assert.ok(!asked(role('admin'), 'X-Role: Admin'));
    assert.ok(!asked(role('admin'), 'X-Role2: admin'));
  });
  test('that come twice: one is enough to refuse, all are needed to let through', () => {
    const twice = ['X-Role: user', 'x-role: admin'];
    const held = (action: 'allow' | 'deny', condition: AccessCondition) => matches(condition, 'GET /', twice, null, action);
    for (const value of ['user', 'admin', 'user,admin', '*']) assert.ok(held('deny', role(value)), value);
    for (const value of ['user,admin', '*']) assert.ok(held('allow', role(value)), value);
    for (const value of ['user', 'admin', 'us*', '*min']) assert.ok(!held('allow', role(value)), value);
    assert.ok(!held('allow', { ...role('admin'), not: true }));
    // Refuses all but admins: whoever says both may be somebody else to the app.
    assert.ok(held('deny', { ...role('admin'), not: true }));
    assert.ok(!held('deny', { ...role('admin', 'user*'), not: true }));
  });
  test('that the connection was to take out are judged all the same', () => {
    assert.ok(asked(role('admin'), 'Connection: X-Role', 'X-Role: admin'));
  });
  test('beyond ASCII are compared as the bytes that clients send', () => {
    assert.ok(asked(role('jürgen'), Buffer.from('X-Role: jürgen').toString('latin1')));
  });
  test('an empty one is no value', () => {
    assert.ok(!asked(role('*'), 'X-Role:'));
    assert.ok(asked({ ...role('*'), not: true }, 'X-Role:'));
  });
  test('host is the one that counts, also of an absolute target', () => {
    const host: AccessCondition = { on: 'header', name: ['host'], values: ['shop.local'] };
    assert.ok(matches(host, 'GET http://shop.local/a', ['Host: shop.local']));
  });
});

describe('query', () => {
  const debug = (...values: string[]): AccessCondition => ({ on: 'query', name: ['debug'], values });
  for (const [target, value, found] of [
    ['/a?debug=1', '1', true],
    ['/a?x=y&debug=1', '1', true],
    ['/a?%64ebug=%31', '1', true],
    ['/a?debug=a+b', 'a b', true],
    ['/a?debug=%C3%BC', 'ü', true],
    ['/a?debug', '*', false],
    ['/a?debug=', '*', false],
    ['/a?debug=0', '*', true],
    ['/a?debug=0&debug=1', '1', false],
    ['/a?debug=0&debug=1', '0,1', true],
    ['/a?debug=1&debug=1', '1', true],
    ['/a?debug=1&x=y;debug=2', '1', false],
    ['/a?x=y;z&debug=1', '1', true],
    ['/a?Debug=1', '1', false],
    ['/a?debugger=1', '1', false],
    ['/debug=1', '1', false],
    ['/a?debug=%zz', '%zz', true],
  ] as const)
    test(`${target} ${found ? 'is' : 'is not'} debug ${value}`, () =>
      assert.equal(matches(debug(value), `GET ${target}`), found));
});

test('query parameters that refuse are found wherever a server may find them', () => {
  const debug: AccessCondition = { on: 'query', name: ['debug'], values: ['1'] };
  for (const target of ['/a?debug=0&debug=1', '/a?debug=1&debug=0', '/a?x=y;debug=1', '/a?debug=1;x', '/a?%64ebug=%31;'])
    assert.ok(matches(debug, `GET ${target}`, [], null, 'deny'), target);
  for (const target of ['/a?debug=0;1', '/a?x=;debug', '/a;debug=1'])
    assert.ok(!matches(debug, `GET ${target}`, [], null, 'deny'), target);
});

describe('paths and methods', () => {
  const path = (...values: string[]): AccessCondition => ({ on: 'path', values });
  test('the path is decoded and has no query', () => {
    assert.ok(matches(path('/v1/things:delete'), 'POST /v1/things%3Adelete?x=/y'));
    assert.ok(matches(path('/über/*'), 'GET /%C3%BCber/a'));
    assert.ok(!matches(path('/a?*'), 'GET /a?b'));
  });
  test('parameters of segments hide nothing, and make nothing of what is let in', () => {
    const held = (action: 'allow' | 'deny', line: string, ...values: string[]) =>
      matches(path(...values), line, [], null, action);
    for (const [line, value] of [
      ['GET /admin;v=1', '/admin'],
      ['GET /admin;x/secret', '/admin/*'],
      ['GET /a;b/admin/secret', '/a/admin/secret'],
      ['GET /x/;/admin', '/x/admin'],
      ['GET /users;a/7;b/cart;c', '/users/{*}/cart'],
      ['GET /admin;v=1', '/admin;v=1'],
      ['GET /public/..;/admin', '/admin'],
    ] as const)
      assert.ok(held('deny', line, value), line);
    for (const [line, ...values] of [
      ['GET /a;v=1', '/a;v=1'],
      ['GET /a;v=1', '/a*'],
      ['GET /a;v=1/b', '/a*', '/x'],
    ] as const)
      assert.ok(held('allow', line, ...values), line);
    assert.ok(!held('allow', 'GET /a;/../../public', '/a*'));
    assert.ok(!held('allow', 'GET /x;.css', '*.css'));
    assert.ok(!held('deny', 'GET /x;.css', '*.html'));
  });
  test('methods are compared as they are sent', () => {
    assert.ok(matches({ on: 'method', values: ['GET'] }, 'GET /'));
    assert.ok(!matches({ on: 'method', values: ['GET'] }, 'HEAD /'));
    assert.ok(!matches({ on: 'method', values: ['GET'] }, 'POST /', ['X-HTTP-Method-Override: GET']));
  });
});

describe('tokens', () => {
  const token: VerifiedToken = {
    issuer: 'https://auth.example',
    principal: 'https://auth.example/ann',
    audiences: ['shop', 'books'],
    presenter: 'app',
    claims: {
      iss: 'https://auth.example',
      sub: 'ann',
      groups: ['staff', 'ops-eu'],
      realm: { level: 3, names: { a: 'b' } },
      scope: 'read write',
    },
    spaceDelimited: ['scope'],
  };
  for (const [condition, found, without] of [
    [{ on: 'token-principal', values: ['*'] }, true, false],
    [{ on: 'token-principal', values: ['https://auth.example/*'] }, true, false],
    [{ on: 'token-principal', values: ['*'], not: true }, false, true],
    [{ on: 'token-audience', values: ['books'] }, true, false],
    [{ on: 'token-audience', values: ['shop,books'] }, false, false],
    [{ on: 'token-audience', values: ['other'], not: true }, true, true],
    [{ on: 'token-presenter', values: ['app'] }, true, false],
    [{ on: 'claim', name: ['groups'], values: ['ops*'] }, true, false],
    [{ on: 'claim', name: ['groups'], values: ['admin'] }, false, false],
    [{ on: 'claim', name: ['groups'], values: ['staff'], not: true }, false, true],
    [{ on: 'claim', name: ['realm', 'level'], values: ['3'] }, true, false],
    [{ on: 'claim', name: ['realm', 'names'], values: ['*'] }, false, false],
    [{ on: 'claim', name: ['scope'], values: ['write'] }, true, false],
    [{ on: 'claim', name: ['constructor'], values: ['*'] }, false, false],
  ] as const satisfies readonly (readonly [AccessCondition, boolean, boolean])[])
    test(JSON.stringify(condition), () =>
      assert.deepEqual([matches(condition, 'GET /', [], token), matches(condition, 'GET /')], [found, without]),
    );
});

test('nothing of one request is left for the next', () => {
  const request = new HeadRequest();
  const { decision } = new ExchangeFacts();
  const caller = { ...web, scheme: 'http' as const };
  assert.equal(request.of(requestHead('GET /first'), caller, decision).path, '/first');
  assert.equal(request.of(requestHead('GET /second', ['X-Role: a']), caller, decision).path, '/second');
  assert.deepEqual(request.of(requestHead('GET /third'), caller, decision).header('x-role'), []);
});
