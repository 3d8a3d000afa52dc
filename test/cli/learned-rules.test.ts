import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import type { SeenCall } from '../../src/api/access.ts';
import { learnRules } from '../../src/cli/learned-rules.ts';
import { type AccessYamlRule, accessYaml } from '../../src/text/access-yaml.ts';

function seen(from: string | null, to: string, method = 'GET', path = '/', port = 9080): SeenCall {
  return { from, to, port, method, path, allowed: true, calls: 1 };
}

/** All that rules allow, as `from to port method path`; a rule without methods allows the raw port. */
function allowed(rules: readonly AccessYamlRule[]): string[] {
  return rules
    .flatMap(({ from = [], principals = [], to, ports = [0], methods = [''], paths = [''] }) =>
      [...from, ...principals].flatMap(caller =>
        to.flatMap(called =>
          ports.flatMap(port => methods.flatMap(method => paths.map(path => `${caller} ${called} ${port} ${method} ${path}`))),
        ),
      ),
    )
    .sort();
}

describe('rules learned from calls', () => {
  test('the common case is one sentence for a caller', () => {
    const rules = learnRules([seen('storefront', 'reviews'), seen('storefront', 'details'), seen('reviews', 'ratings')], {
      requests: false,
    });
    assert.deepEqual(rules, [
      { from: ['reviews'], to: ['ratings'] },
      { from: ['storefront'], to: ['details', 'reviews'] },
    ]);
    assert.deepEqual(accessYaml(rules), [
      'access:',
      '  default: deny',
      '  rules:',
      '    - {from: reviews, to: ratings}',
      '    - {from: storefront, to: [details, reviews]}',
    ]);
  });

  test('callers of the same services share a rule', () => {
    const rules = learnRules(['a', 'b', 'c'].flatMap(from => [seen(from, 'x'), seen(from, 'y')]).concat([seen('a', 'z')]), {
      requests: false,
    });
    assert.deepEqual(rules, [
      { from: ['a'], to: ['z'] },
      { from: ['a', 'b', 'c'], to: ['x', 'y'] },
    ]);
  });

  test('any relation is covered exactly, with at most a rule for each caller', () => {
    let state = 7;
    const draw = (): number => {
      state = (state * 48271) % 2147483647;
      return state / 2147483647;
    };
    for (let round = 0; round < 50; round++) {
      const calls: SeenCall[] = [];
      for (let a = 0; a < 6; a++) for (let b = 0; b < 6; b++) if (draw() < 0.4) calls.push(seen(`c${a}`, `s${b}`));
      const rules = learnRules(calls, { requests: false });
      assert.deepEqual([...new Set(allowed(rules))], calls.map(({ from, to }) => `${from} ${to} 0  `).sort());
      assert.ok(rules.length <= new Set(calls.map(call => call.from)).size, `${rules.length} rules`);
    }
  });

  test('methods and paths are allowed as they were seen, and not crosswise', () => {
    const calls = [
      seen('web', 'cart', 'GET', '/cart/{*}'),
      seen('web', 'cart', 'POST', '/cart'),
      seen('web', 'cart', 'GET', '/cart'),
      seen('admin', 'cart', 'DELETE', '/cart/{*}'),
      seen('web', 'redis', '', '', 6379),
    ];
    const rules = learnRules(calls, { requests: true });
    assert.deepEqual(
      allowed(rules),
      calls.map(({ from, to, port, method, path }) => `${from} ${to} ${port} ${method} ${path}`).sort(),
    );
    assert.deepEqual(rules.at(-1), { from: ['web'], to: ['redis'], ports: [6379] });
  });

  test('identities that are no service stand beside names, and nobody stands for those without', () => {
    const alice = 'spiffe://shop.local/person/alice';
    const calls = [seen(alice, 'x'), seen('a', 'x'), seen(null, 'x'), seen(alice, 'y')];
    assert.deepEqual(learnRules(calls, { requests: false }), [
      { from: ['a'], principals: [alice], to: ['x'] },
      { principals: [alice], to: ['y'] },
    ]);
  });

  test('what is printed reads back as what was meant', () => {
    const rules = learnRules([seen('yes', 'on', 'GET', '/a b: {*}#"\\'), seen('1', 'null', 'GET', '/é')], { requests: true });
    const read = parse(accessYaml(rules).join('\n')) as { access: { rules: Record<string, unknown>[] } };
    const listed = rules.map(rule => Object.fromEntries(Object.entries(rule).map(([k, v]) => [k, v.length === 1 ? v[0] : v])));
    assert.deepEqual(read.access.rules, listed);
  });

  test('nothing seen is nothing allowed', () => {
    assert.deepEqual(accessYaml(learnRules([], { requests: false })), ['access:', '  default: deny', '  rules: []']);
  });
});
