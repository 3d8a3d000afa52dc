import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { NamedMatch, PathMatch, RouteMatch } from '../../src/snapshot/route-rule.ts';
import { match, rule, send, table } from './rule-harness.ts';

/** Whether a rule with these matches takes the request. */
function takes(matches: readonly Partial<RouteMatch>[], line: string, headers: readonly string[] = []): boolean {
  const { reply } = send(table([rule({ matches: matches.map(match) })]), line, headers);
  assert.ok(reply === null || reply.details === 'route_not_found');
  return reply === null;
}

describe('paths', () => {
  for (const [kind, value, path, matches] of [
    ['exact', '/a', '/a', true],
    ['exact', '/a', '/a?x=1', true],
    ['exact', '/a', '/a/', false],
    ['exact', '/a', '/A', false],
    ['prefix', '/a', '/a', true],
    ['prefix', '/a', '/a/', true],
    ['prefix', '/a', '/a/b', true],
    ['prefix', '/a', '/ab', false],
    ['prefix', '/a/', '/a', true],
    ['prefix', '/a/', '/ab', false],
    ['prefix', '/', '/anything/at/all', true],
    ['starts-with', '/a', '/ab', true],
    ['starts-with', '/a/', '/a', false],
    ['starts-with', '/', '/', true],
    ['regex', '/a/\\d+', '/a/12', true],
    ['regex', '/a/\\d+', '/a/12?x', true],
    ['regex', '/a/\\d+', '/a/12/b', false],
    ['regex', '/a', '/a/b', false],
    ['regex', '(?i)/A', '/a', true],
  ] as const satisfies readonly (readonly [PathMatch['kind'], string, string, boolean])[]) {
    test(`${kind} ${value} ${matches ? 'takes' : 'leaves'} ${path}`, () =>
      assert.equal(takes([{ path: { kind, value } }], `GET ${path}`), matches));
  }
});

describe('headers', () => {
  const is = (kind: NamedMatch['kind'], value = '', not?: true): NamedMatch =>
    not === undefined ? { name: 'x-user', kind, value } : { name: 'x-user', kind, value, not };
  for (const [title, condition, headers, matches] of [
    ['exact', is('exact', 'jason'), ['X-User: jason'], true],
    ['values mind case, names do not', is('exact', 'jason'), ['x-USER: Jason'], false],
    ['a missing header is not the empty string', is('exact', ''), [], false],
    ['an empty header is', is('exact', ''), ['x-user:'], true],
    ['prefix', is('prefix', 'ja'), ['x-user: jason'], true],
    ['regex, whole value', is('regex', 'ja'), ['x-user: jason'], false],
    ['regex', is('regex', 'ja.*'), ['x-user: jason'], true],
    ['regex never takes a missing header', is('regex', '.*'), [], false],
    ['present', is('present'), ['x-user:'], true],
    ['present, missing', is('present'), [], false],
    ['absent', is('absent'), [], true],
    ['absent, there', is('absent'), ['x-user: a'], false],
    ['several fields are joined by a comma', is('exact', 'a,b'), ['x-user: a', 'x-other: z', 'X-User: b'], true],
    ['not exact', is('exact', 'jason', true), ['x-user: jason'], false],
    ['not exact, another', is('exact', 'jason', true), ['x-user: x'], true],
    ['not exact: missing counts as empty', is('exact', 'jason', true), [], true],
    ['not the empty string: missing counts as empty', is('exact', '', true), [], false],
    ['not regex: missing counts as empty', is('regex', '.*', true), [], false],
    ['not regex .+', is('regex', '.+', true), [], true],
    ['not present is absent', is('present', '', true), [], true],
    ['not absent is present', is('absent', '', true), [], false],
  ] as const satisfies readonly (readonly [string, NamedMatch, readonly string[], boolean])[]) {
    test(title, () => assert.equal(takes([{ headers: [condition] }], 'GET /', headers), matches));
  }

  test('host is the authority', () =>
    assert.equal(takes([{ headers: [{ name: 'host', kind: 'exact', value: 'a:80' }] }], 'GET /', ['Host: a:80']), true));
});

describe('query', () => {
  for (const [kind, value, target, matches] of [
    ['exact', 'b', '/?a=b', true],
    ['exact', 'b', '/?x=1&a=b', true],
    ['exact', 'b', '/?a=c&a=b', false],
    ['exact', 'b c', '/?a=b+c', true],
    ['exact', 'ü', '/?%61=%C3%BC', true],
    ['exact', '%zz', '/?a=%zz', true],
    ['exact', '', '/?a', true],
    ['exact', '', '/', false],
    ['prefix', 'b', '/?a=bc', true],
    ['regex', '\\d+', '/?a=12', true],
    ['present', '', '/?a', true],
    ['absent', '', '/?b', true],
  ] as const satisfies readonly (readonly [NamedMatch['kind'], string, string, boolean])[]) {
    test(`a ${kind} ${value} ${matches ? 'takes' : 'leaves'} ${target}`, () =>
      assert.equal(takes([{ query: [{ name: 'a', kind, value }] }], `GET ${target}`), matches));
  }
});

describe('hosts of a match', () => {
  for (const [wanted, authority, matches] of [
    ['a.test', 'A.test:8080', true],
    ['a.test', 'b.test', false],
    ['*.test', 'a.b.test', true],
    ['*.test', 'test', false],
    ['*.test', '.test', false],
    ['shop.*', 'shop.test', true],
    ['shop.*', 'shop', false],
  ] as const) {
    test(`${wanted} ${matches ? 'takes' : 'leaves'} ${authority}`, () =>
      assert.equal(takes([{ hosts: ['never', wanted] }], 'GET /', [`Host: ${authority}`]), matches));
  }
});

test('methods', () => {
  assert.equal(takes([{ methods: ['GET', 'HEAD'] }], 'HEAD /'), true);
  assert.equal(takes([{ methods: ['GET'] }], 'POST /'), false);
});

test('all conditions of a match have to hold, one match is enough, and a rule without matches takes everything', () => {
  const both = { path: { kind: 'exact', value: '/a' }, methods: ['POST'] } as const;
  assert.equal(takes([both], 'POST /a'), true);
  assert.equal(takes([both], 'GET /a'), false);
  assert.equal(takes([both], 'POST /b'), false);
  assert.equal(takes([both, { methods: ['PUT'] }], 'PUT /b'), true);
  assert.equal(takes([], 'PUT /b'), true);
});

describe('which rule', () => {
  const rules = table([
    rule({ name: 'second', matches: [match({ methods: ['PUT'] }), match({ path: { kind: 'exact', value: '/b' } })] }),
    rule({ name: 'wide', matches: [match({ path: { kind: 'starts-with', value: '/' }, methods: ['GET'] })] }),
    rule({ name: 'exact but later', matches: [match({ path: { kind: 'exact', value: '/a' } })] }),
    rule({ name: 'rest' }),
  ]);
  for (const [line, name, matched] of [
    ['GET /a', 'wide', 0],
    ['POST /a', 'exact but later', 0],
    ['GET /b', 'second', 1],
    ['PUT /b', 'second', 0],
    ['POST /c', 'rest', -1],
  ] as const) {
    test(`${line}: ${name}, the first in the list that matches`, () => {
      const { decision } = send(rules, line);
      assert.deepEqual([decision.route?.name, decision.matched], [name, matched]);
    });
  }

  test('no rule: 404, NR', () => {
    const { reply } = send(table([rule({ matches: [match({ methods: ['PUT'] })] })]), 'GET /');
    assert.deepEqual([reply?.status, reply?.flag, reply?.details], [404, 'NR', 'route_not_found']);
  });

  test('a host of no virtual host has no rule', () => {
    const { reply } = send(table([rule()], undefined, ['a.test', '*.b.test', 'c.*']), 'GET /', ['Host: other']);
    assert.equal(reply?.flag, 'NR');
    for (const host of ['A.TEST:80', 'x.b.test', 'c.com', 'a.test.'])
      assert.equal(send(table([rule()], undefined, ['a.test', '*.b.test', 'c.*']), 'GET /', [`Host: ${host}`]).reply, null, host);
  });
});
