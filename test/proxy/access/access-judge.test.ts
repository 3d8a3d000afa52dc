import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { accessRequest, isAllowed, judged, judgeOf, plaintext, rule, web } from './rules.ts';

const request = accessRequest();

describe('the order of judgement', () => {
  const allow = rule('allow');
  const deny = rule('deny');
  for (const [what, policy, allowed] of [
    ['nothing said, default allow', { default: 'allow', rules: [] }, true],
    ['nothing said, default deny', { default: 'deny', rules: [] }, false],
    ['an allow rule that matches', { default: 'deny', rules: [allow] }, true],
    ['deny goes before allow', { default: 'allow', rules: [allow, deny] }, false],
    ['an allow rule closes the rest', { default: 'allow', rules: [rule('allow', { method: ['POST'] })] }, false],
    ['a deny rule does not open the rest', { default: 'deny', rules: [rule('deny', { method: ['POST'] })] }, false],
    ['a deny rule that does not match', { default: 'allow', rules: [rule('deny', { method: ['POST'] })] }, true],
    ['an audit rule refuses nobody', { default: 'allow', rules: [rule('audit')] }, true],
    ['an audit rule lets nobody through', { default: 'deny', rules: [rule('audit')] }, false],
    ['a dry run refuses nobody', { default: 'allow', rules: [rule('deny', {}, { dryRun: true })] }, true],
    ['a dry run lets nobody through', { default: 'deny', rules: [rule('allow', {}, { dryRun: true })] }, false],
    ['a dry run closes nothing', { default: 'allow', rules: [rule('allow', { method: ['POST'] }, { dryRun: true })] }, true],
  ] as const)
    test(what, () => assert.equal(isAllowed(policy, request), allowed));

  test('the verdict names the rule that decided, the first of several', () => {
    const rules = [rule('allow', { path: ['/*'] }, { name: 'a' }), rule('allow', { method: ['GET'] }, { name: 'b' })];
    assert.equal(judged({ default: 'deny', rules }).rule?.name, 'a');
    assert.equal(judged({ default: 'deny', rules: rules.toReversed() }).rule?.name, 'b');
    assert.equal(judged({ default: 'deny', rules: [] }).rule, null);
  });

  test('a dry run tells what it would have done', () => {
    const rules = [rule('allow', {}, { name: 'open' }), rule('deny', { path: ['/a'] }, { name: 'shut', dryRun: true })];
    const of = judgeOf({ default: 'deny', rules }).of(web);
    assert.deepEqual(
      [of.request(request).allowed, of.shadow(request)?.allowed, of.shadow(request)?.rule?.name],
      [true, false, 'shut'],
    );
    assert.equal(of.shadow(accessRequest({ path: '/b' }))?.allowed, true);
    assert.equal(judgeOf({ default: 'deny', rules: [] }).of(web).shadow(request), null);
  });

  test('audit and custom rules are given by name, all that match', () => {
    const rules = [
      rule('custom', { path: ['/a*'] }, { name: 'ask', authorizer: 'opa' }),
      rule('custom', { path: ['/b*'] }, { name: 'other', authorizer: 'opa' }),
      rule('audit', { method: ['GET', 'POST'] }, { name: 'watch' }),
      rule('audit', { method: ['GET', 'G*'] }, { name: 'watch twice' }),
    ];
    const of = judgeOf({ default: 'allow', rules }).of(web);
    assert.deepEqual(
      of.customs(request).map(({ name }) => name),
      ['ask'],
    );
    assert.deepEqual(
      of.audits(request).map(one => one.rule?.name),
      ['watch', 'watch twice'],
    );
  });
});

describe('callers', () => {
  const allows = (wanted: Parameters<typeof rule>[1], caller = web): boolean =>
    isAllowed({ default: 'deny', rules: [rule('allow', wanted)] }, request, caller);
  for (const [wanted, allowed, plain] of [
    [{ principal: ['spiffe://shop.local/ns/default/sa/web'] }, true, false],
    [{ principal: ['spiffe://shop.local/ns/default/sa/we'] }, false, false],
    [{ principal: ['spiffe://shop.local/*'] }, true, false],
    [{ principal: ['*/sa/web'] }, true, false],
    [{ principal: ['*'] }, true, false],
    [{ 'not principal': ['*'] }, false, true],
    [{ 'not principal': ['spiffe://shop.local/ns/default/sa/admin'] }, true, true],
    [{ namespace: ['default'] }, true, false],
    [{ 'not namespace': ['default'] }, false, true],
    [{ account: ['default/web'] }, true, false],
    [{ account: ['web'] }, false, false],
    [{ 'trust-domain': ['shop.local'] }, true, false],
    [{ 'not trust-domain': ['other.local'] }, true, true],
    [{ ip: ['10.0.0.0/8'] }, true, true],
    [{ ip: ['10.0.0.9'] }, true, true],
    [{ ip: ['10.0.0.8'] }, false, false],
    [{ 'not ip': ['10.0.0.0/24', '192.168.0.0/16'] }, false, false],
    [{ 'remote-ip': ['10.0.0.0/30'] }, false, false],
    [{ port: ['9080'] }, true, true],
    [{ port: ['9081'] }, false, false],
    [{ principal: ['*'], 'not principal': ['*/sa/web'] }, false, false],
  ] as const)
    test(JSON.stringify(wanted), () => assert.deepEqual([allows(wanted), allows(wanted, plaintext)], [allowed, plain]));

  test('an identity of another form has a principal and a trust domain, nothing more', () => {
    const caller = { principal: 'spiffe://shop.local/mesh/daemon', address: '::1' };
    assert.ok(allows({ 'trust-domain': ['shop.local'] }, caller));
    assert.ok(!allows({ namespace: ['*'] }, caller));
    assert.ok(!allows({ account: ['*'] }, caller));
  });

  test('addresses of version 6, also those that stand for version 4', () => {
    const from = (address: string) => ({ principal: null, address });
    assert.ok(allows({ ip: ['2001:db8::/32'] }, from('2001:db8::7')));
    assert.ok(!allows({ ip: ['2001:db8::/32'] }, from('2001:db9::7')));
    assert.ok(allows({ ip: ['10.0.0.0/8'] }, from('::ffff:10.1.2.3')));
    assert.ok(!allows({ ip: ['0.0.0.0/0'] }, from('2001:db8::7')));
    assert.ok(!allows({ ip: ['0.0.0.0/0'] }, from('')));
  });
});

describe('raw TCP', () => {
  const admits = (action: 'allow' | 'deny' | 'custom', wanted: Parameters<typeof rule>[1], caller = web): boolean =>
    judgeOf({ default: action === 'deny' ? 'allow' : 'deny', rules: [rule(action, wanted)] })
      .of(caller)
      .connection().allowed;
  test('an allow rule that asks for HTTP never matches', () => {
    for (const wanted of [
      { method: ['GET'] },
      { path: ['/a'] },
      { host: ['*'] },
      { 'not method': ['GET'] },
      { 'not token-principal': ['*'] },
    ])
      assert.equal(admits('allow', wanted), false, JSON.stringify(wanted));
    assert.ok(admits('allow', { principal: ['*/sa/web'] }));
    assert.ok(!admits('allow', { principal: ['*/sa/web'] }, plaintext));
    assert.ok(admits('allow', { 'remote-ip': ['10.0.0.9'], port: ['9080'] }));
  });
  test('a deny rule is judged without its HTTP part', () => {
    assert.ok(!admits('deny', { path: ['/a'] }));
    assert.ok(!admits('deny', { path: ['/a'], principal: ['*/sa/web'] }));
    assert.ok(admits('deny', { path: ['/a'], principal: ['*/sa/other'] }));
  });
  test('an authorizer cannot be asked, so it refuses', () => {
    assert.ok(!admits('custom', {}));
    const rules = [rule('allow'), rule('custom', { path: ['/a'], principal: ['*/sa/other'] }, { authorizer: 'x' })];
    assert.ok(judgeOf({ default: 'deny', rules }).of(web).connection().allowed);
  });
});

describe('requests', () => {
  const allows = (wanted: Parameters<typeof rule>[1], of: Parameters<typeof accessRequest>[0]): boolean =>
    isAllowed({ default: 'deny', rules: [rule('allow', wanted)] }, accessRequest(of));
  for (const [path, matches, others] of [
    ['/a', ['/a'], ['/a/', '/ab', '/A', '/']],
    ['/a*', ['/a', '/a/b', '/ab'], ['/', '/b/a']],
    ['*.css', ['/x.css', '/a/x.css'], ['/x.css/', '/x.CSS']],
    ['*', ['/', '/a'], ['']],
    [
      '/users/{*}/cart',
      ['/users/7/cart', '/users/a.b/cart'],
      ['/users/cart', '/users//cart', '/users/7/8/cart', '/users/7/cart/x'],
    ],
    ['/x/{**}', ['/x/', '/x/a', '/x/a/b'], ['/x', '/y/x/a']],
    ['/x/{*}/y/{**}', ['/x/1/y/', '/x/1/y/2/3'], ['/x/1/z', '/x//y/']],
    ['/store/{**}/cart', ['/store/a/cart', '/store/a/b/cart'], ['/store/cart', '/store/a/carts']],
    ['/a.b', ['/a.b'], ['/aXb']],
    ['/a+(b)/{*}', ['/a+(b)/c'], ['/aa(b)/c']],
  ] as const)
    test(`path ${path}`, () => {
      for (const one of matches) assert.ok(allows({ path: [path] }, { path: one }), one);
      for (const one of others) assert.ok(!allows({ path: [path] }, { path: one }), one);
      for (const one of matches) assert.ok(!allows({ 'not path': [path] }, { path: one }), `not ${one}`);
    });

  test('hosts: any case, with and without port, trailing dot', () => {
    for (const authority of ['shop.local', 'SHOP.local:9080', 'shop.local.', 'shop.local.:9080'])
      assert.ok(allows({ host: ['Shop.Local'] }, { authority }), authority);
    assert.ok(allows({ host: ['shop.local:9080'] }, { authority: 'shop.local.:9080' }));
    assert.ok(!allows({ host: ['shop.local:9080'] }, { authority: 'shop.local' }));
    assert.ok(allows({ host: ['*.local'] }, { authority: 'a.local:80' }));
    assert.ok(allows({ host: ['[::1]'] }, { authority: '[::1]:80' }));
    assert.ok(!allows({ host: ['shop.local'] }, { authority: 'shop.local.evil' }));
  });

  test('of a header with several values one refuses, and all let through', () => {
    const holds = (action: 'allow' | 'deny', values: readonly string[], not = false): boolean => {
      const conditions = [{ on: 'header' as const, name: ['x-role'], values, ...(not ? { not } : {}) }];
      const policy = {
        default: action === 'deny' ? ('allow' as const) : ('deny' as const),
        rules: [rule(action, {}, { conditions })],
      };
      return judged(policy, accessRequest({ headers: { 'x-role': ['user', 'admin'] } })).rule !== null;
    };
    for (const values of [['user'], ['admin'], ['user,admin'], ['us*'], ['*min'], ['*'], ['x', 'admin']]) {
      assert.ok(holds('deny', values), values.join());
      assert.ok(!holds('allow', values, true), `not ${values.join()}`);
    }
    for (const values of [['user,admin'], ['*'], ['user*', 'admin']]) {
      assert.ok(holds('allow', values), values.join());
      assert.ok(!holds('deny', values, true), `not ${values.join()}`);
    }
    for (const values of [['user'], ['admin'], ['us*'], ['*min'], ['x', 'admin'], ['ad']]) {
      assert.ok(!holds('allow', values), values.join());
      assert.ok(holds('deny', values, true), `not ${values.join()}`);
    }
    assert.ok(!holds('deny', ['ad']));
    assert.ok(holds('allow', ['ad'], true));
  });

  test('what is not there is the empty string', () => {
    const conditions = (not: boolean) => [{ on: 'header' as const, name: ['x-role'], values: ['*'], ...(not ? { not } : {}) }];
    const allowed = (not: boolean): boolean =>
      isAllowed({ default: 'deny', rules: [rule('allow', {}, { conditions: conditions(not) as never })] }, request);
    assert.deepEqual([allowed(false), allowed(true)], [false, true]);
  });

  test('several conditions have all to hold, of several values one', () => {
    const wanted = { method: ['GET', 'HEAD'], path: ['/a*'], 'not path': ['/a/secret*'] };
    assert.ok(allows(wanted, { method: 'HEAD', path: '/a/b' }));
    assert.ok(!allows(wanted, { method: 'POST', path: '/a/b' }));
    assert.ok(!allows(wanted, { path: '/a/secret/1' }));
  });
});

describe('many rules', () => {
  test('callers beyond what is remembered are judged as well', () => {
    const rules = Array.from({ length: 300 }, (_, i) =>
      rule('allow', { 'not principal': [`*/sa/s${i}`], path: [`/p${i}`] }, { name: String(i) }),
    );
    const judge = judgeOf({ default: 'deny', rules });
    for (let i = 0; i < 300; i++) {
      const of = judge.of({ principal: `spiffe://shop.local/ns/default/sa/s${i}`, address: '' });
      assert.equal(of.request(accessRequest({ path: `/p${i}` })).allowed, false);
      assert.equal(of.request(accessRequest({ path: `/p${(i + 1) % 300}` })).allowed, true);
    }
  });

  test('each is found, whatever it is found by', () => {
    const rules = Array.from({ length: 300 }, (_, i) => {
      const by = [
        { path: [`/p${i}/*`] },
        { path: [`*.x${i}`] },
        { path: [`/e${i}`] },
        { path: [`/t${i}/{*}/z`] },
        { host: [`h${i}`] },
      ][i % 5];
      return rule('allow', by, { name: String(i) });
    });
    const judge = judgeOf({ default: 'deny', rules }).of(web);
    for (let i = 0; i < 300; i++) {
      const asked = [
        { path: `/p${i}/a` },
        { path: `/q.x${i}` },
        { path: `/e${i}` },
        { path: `/t${i}/1/z` },
        { path: '/', authority: `h${i}` },
      ][i % 5];
      assert.equal(judge.request(accessRequest(asked)).rule?.name, String(i));
    }
    assert.equal(judge.request(accessRequest({ path: '/none' })).allowed, false);
  });

  test('agree with trying them one by one', () => {
    // Small alphabets, so that rules overlap; a fixed sequence, so that a failure can be repeated.
    let state = 7;
    const draw = <T>(from: readonly T[]): T => {
      state = (state * 1103515245 + 12345) % 2147483648;
      return from[Math.floor((state / 2147483648) * from.length)] as T;
    };
    const paths = ['/a', '/a*', '*b', '/a/{*}', '/{**}', '*', '/b'];
    for (let round = 0; round < 300; round++) {
      const rules = Array.from({ length: 1 + (round % 12) }, (_, i) =>
        rule(
          draw(['allow', 'deny'] as const),
          {
            ...draw([{}, { path: [draw(paths), draw(paths)] }, { 'not path': [draw(paths)] }]),
            ...draw([{}, { method: [draw(['GET', 'PUT'])] }]),
            ...draw([{}, { principal: [draw(['*', '*/sa/web', '*/sa/no'])] }]),
          },
          { name: String(i) },
        ),
      );
      for (const path of ['/a', '/ab', '/a/b', '/b', '/']) {
        const one = accessRequest({ path });
        const matching = rules.filter(each => isAllowed({ default: 'deny', rules: [{ ...each, action: 'allow' }] }, one));
        const expected = matching.find(({ action }) => action === 'deny') ?? matching.find(({ action }) => action === 'allow');
        assert.equal(judged({ default: 'deny', rules }, one).rule?.name, expected?.name, JSON.stringify([rules, path]));
      }
    }
  });
});
