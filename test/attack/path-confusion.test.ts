/**
 * One path, written so that the mesh and the service read two: a rule or an access rule judges `/public/…`, the service hands out `/admin`. What is judged has
 * to be what the service gets, in the form in which it reads it.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pathNormalizer } from '../../src/proxy/route/normal-path.ts';
import { decodedPath } from '../../src/proxy/route/path.ts';
import type { RouteMatch } from '../../src/snapshot/route-rule.ts';
import { accessRequest, rule as accessRule, isAllowed } from '../proxy/access/rules.ts';
import { match, rule, send, table } from '../proxy/rule-harness.ts';

const on = (kind: 'exact' | 'prefix' | 'starts-with', value: string): readonly RouteMatch[] => [match({ path: { kind, value } })];
const wall = { kind: 'respond', status: 403, body: '', contentType: 'text/plain' } as const;

describe('a rule that shuts /admin', () => {
  const rules = table([rule({ name: 'shut', matches: on('prefix', '/admin'), action: wall }), rule({ name: 'open' })]);
  for (const path of [
    '/admin',
    '/x/../admin',
    '/./admin',
    '/%61dmin',
    '/x/%2e%2e/admin',
    '/x/.%2E/admin/a?b',
    '/x\\..\\admin',
    '/..\\admin',
  ])
    test(`is not passed by ${path}`, () => assert.equal(send(rules, `GET ${path}`).reply?.status, 403));
  // Empty segments and encoded slashes are names to some services; Istio leaves them too.
  for (const path of ['//admin', '/x%2f..%2fadmin', '/Admin', '/administrator'])
    test(`says nothing of ${path}`, () => assert.equal(send(rules, `GET ${path}`).reply, null));
});

describe('the service gets the path that was judged', () => {
  const rules = table([rule({ matches: on('prefix', '/api') }), rule({ name: 'rest', matches: on('starts-with', '/a%2fb') })]);
  const sent = (path: string): string => send(rules, `GET ${path}`).sent[0] ?? '';
  test('dot segments', () => assert.equal(sent('/x/../api/a/./b/..?q=/../'), 'GET /api/a/?q=/../ HTTP/1.1'));
  test('needless codes', () => assert.equal(sent('/%61pi/%7ea%2fb'), 'GET /api/~a%2Fb HTTP/1.1'));
  test('codes of a condition are compared in one case', () => assert.equal(sent('/a%2Fb'), 'GET /a%2Fb HTTP/1.1'));
  test('without conditions on paths it is not touched', () => {
    assert.equal(send(table([rule()]), 'GET /x/../api//%61').sent[0], 'GET /x/../api//%61 HTTP/1.1');
  });
});

describe('an access rule', () => {
  const allowed = (pattern: string, path: string): boolean => {
    const normal = pathNormalizer('strict')(path);
    if (normal === null) return false;
    return isAllowed(
      { default: 'allow', rules: [accessRule('deny', { path: [pattern] })] },
      accessRequest({ path: decodedPath(normal) }),
    );
  };
  // Servers decode what normalisation has to leave encoded: `:`, `!`, `(`, letters beyond ASCII. These passed.
  for (const [pattern, path] of [
    ['/v1/things:delete', '/v1/things%3Adelete'],
    ['/v1/things:delete', '/v1/things:delete'],
    ['/über*', '/%C3%BCber/a'],
    ['/über*', '/%c3%bcber'],
    ['/a b', '/a%20b'],
    ['/a(b)', '/a%28b%29'],
    ['/admin*', '/x/..;/admin'],
    ['/admin*', '/x%2f..%2fadmin'],
    ['/admin*', '/%2561dmin'],
    ['/admin*', '//admin'],
  ] as const)
    test(`that denies ${pattern} denies ${path}`, () => assert.equal(allowed(pattern, path), false));
  test('lets others through', () => assert.equal(allowed('/über*', '/ueber'), true));
});

test('a header beyond ASCII is compared as the bytes that clients send', () => {
  // It never matched: heads hold bytes, rules held letters.
  const headers = [{ name: 'x-user', kind: 'exact', value: 'jürgen' }] as const;
  const rules = table([rule({ name: 'shut', matches: [match({ headers })], action: wall }), rule({ name: 'open' })]);
  const bytes = Buffer.from('x-user: jürgen').toString('latin1');
  assert.equal(send(rules, 'GET /', [bytes]).reply?.status, 403);
});
