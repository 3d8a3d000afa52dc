/** The index finds what trying every rule in order finds, on random tables and requests. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { pathOf } from '../../src/proxy/route/path.ts';
import { PrefixTrie } from '../../src/proxy/route/prefix-trie.ts';
import { compileConditions } from '../../src/proxy/route/route-match.ts';
import type { NamedMatch, PathMatch, RouteMatch } from '../../src/snapshot/route-rule.ts';
import { match, requestHead, rule, table } from './rule-harness.ts';

const path = fc
  .array(fc.constantFrom('a', 'b', 'ab', 'abc', '1'), { maxLength: 4 })
  .chain(segments => fc.constantFrom(`/${segments.join('/')}`, `/${segments.join('/')}/`));
const pathMatch: fc.Arbitrary<PathMatch> = fc.oneof(
  fc.record({ kind: fc.constantFrom('exact', 'prefix', 'starts-with'), value: path }),
  fc.record({ kind: fc.constant('regex'), value: fc.constantFrom('/a/.*', '/(a|b)/?', '.*', '/ab?c*/\\d', '(?i)/A.*', '/a+') }),
);
const value = fc.constantFrom('1', '2', '3', '4', '5', '6');
const named: fc.Arbitrary<NamedMatch> = fc
  .record({
    name: fc.constantFrom('x', 'y'),
    kind: fc.constantFrom('exact', 'exact', 'exact', 'prefix', 'present', 'absent', 'regex'),
    value,
    not: fc.constantFrom(true, false, false, false),
  })
  .map(({ not, ...rest }) => (not ? { ...rest, not } : rest));
const routeMatch: fc.Arbitrary<RouteMatch> = fc
  .record({
    path: fc.option(pathMatch, { freq: 4 }),
    methods: fc.constantFrom([], [], [], ['GET'], ['POST', 'PUT']),
    headers: fc.array(named, { maxLength: 2 }),
    query: fc.array(named, { maxLength: 1 }),
    hosts: fc.constantFrom([], [], ['a'], ['b', 'c'], ['*.d'], ['e.*']),
  })
  .map(match);
const rules = fc.array(fc.array(routeMatch, { maxLength: 3 }), { maxLength: 30 });
const request = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT'),
  path,
  host: fc.constantFrom('a', 'b', 'x.d', 'e.f:80'),
  headers: fc.array(fc.tuple(fc.constantFrom('x', 'y', 'z'), value), { maxLength: 3 }),
  query: fc.option(fc.tuple(fc.constantFrom('x', 'y'), value)),
});

test('the first rule of the list that matches, and which of its matches', () =>
  fc.assert(
    fc.property(rules, fc.array(request, { minLength: 1, maxLength: 8 }), (tables, requests) => {
      const compiled = table(tables.map((matches, i) => rule({ name: String(i), matches })));
      for (const { method, path, host, headers, query } of requests) {
        const target = query === null ? path : `${path}?${query[0]}=${query[1]}`;
        const head = requestHead(`${method} ${target}`, [`Host: ${host}`, ...headers.map(([name, v]) => `${name}: ${v}`)]);
        const found = compiled.find(head, pathOf(head.target));
        assert.deepEqual(found === null ? null : [found.route.name, found.matched], naive(tables));
        function naive(all: readonly (readonly RouteMatch[])[]): readonly [string, number] | null {
          for (const [i, matches] of all.entries()) {
            if (matches.length === 0) return [String(i), -1];
            for (const [m, one] of matches.entries())
              if (compileConditions(one).every(({ test }) => test(head, path, null))) return [String(i), m];
          }
          return null;
        }
      }
    }),
    { numRuns: 2_000, seed: 3 },
  ));

describe('a trie', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 6 });
  test('finds every prefix, shortest first', () =>
    fc.assert(
      fc.property(fc.uniqueArray(text), text, (prefixes, asked) => {
        const trie = new PrefixTrie<string>();
        for (const prefix of prefixes) trie.at(prefix, () => prefix);
        const found: string[] = [];
        const count = trie.find(asked, found);
        const expected = prefixes.filter(prefix => asked.startsWith(prefix)).sort((a, b) => a.length - b.length);
        assert.deepEqual(found.slice(0, count), expected);
        for (const prefix of prefixes)
          assert.equal(
            trie.at(prefix, () => 'made again'),
            prefix,
          );
      }),
      { numRuns: 1_000, seed: 4 },
    ));
});
