import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { judgeCaller } from '../../src/access/caller-verdict.ts';
import type { AccessPolicy, AccessRule } from '../../src/snapshot/access-policy.ts';

const id = (service: string): string => `spiffe://shop.local/ns/default/sa/${service}`;
const from = (...services: string[]): AccessRule['conditions'][number] => ({ on: 'principal', values: services.map(id) });

function policy(byDefault: 'allow' | 'deny', ...rules: (Partial<AccessRule> & Pick<AccessRule, 'conditions'>)[]): AccessPolicy {
  return { default: byDefault, rules: rules.map((rule, index) => ({ name: `rule ${index}`, action: 'allow', ...rule })) };
}

/** Verdict and rules of a caller at port 80. */
function verdict(access: AccessPolicy, raw = false, caller: string | null = 'web'): string {
  const judged = judgeCaller(access, { principal: caller === null ? null : id(caller), port: 80, raw });
  return [judged.verdict, ...judged.rules].join(' ');
}

describe('what the caller alone decides', () => {
  for (const [name, access, expected] of [
    ['an allow rule for it', policy('deny', { conditions: [from('web')] }), 'allowed rule 0'],
    ['an allow rule for others', policy('allow', { conditions: [from('other')] }), 'denied'],
    ['no allow rule', policy('allow'), 'allowed'],
    ['no rule at all and deny', policy('deny'), 'denied'],
    ['a deny rule first', policy('allow', { action: 'deny', conditions: [from('web')] }, { conditions: [] }), 'denied rule 0'],
    ['a path in the rule', policy('deny', { conditions: [from('web'), { on: 'path', values: ['/a'] }] }), 'depends rule 0'],
    ['a path in the rule of others', policy('deny', { conditions: [from('other'), { on: 'path', values: ['/a'] }] }), 'denied'],
    [
      'a deny rule with a method',
      policy('allow', { action: 'deny', conditions: [{ on: 'method', values: ['POST'] }] }),
      'depends rule 0',
    ],
    ['an authorizer', policy('allow', { action: 'custom', authorizer: 'opa', conditions: [] }), 'depends rule 0'],
    ['a dry run', policy('allow', { action: 'deny', dryRun: true, conditions: [] }), 'allowed'],
    ['an audit', policy('allow', { action: 'audit', conditions: [] }), 'allowed'],
    ['not this caller', policy('allow', { action: 'deny', conditions: [{ ...from('other'), not: true }] }), 'denied rule 0'],
    ['a pattern', policy('deny', { conditions: [{ on: 'principal', values: ['*/sa/web'] }] }), 'allowed rule 0'],
    ['a namespace', policy('deny', { conditions: [{ on: 'namespace', values: ['default'] }] }), 'allowed rule 0'],
    ['an account', policy('deny', { conditions: [{ on: 'account', values: ['default/web'] }] }), 'allowed rule 0'],
    ['a trust domain', policy('deny', { conditions: [{ on: 'trust-domain', values: ['other.local'] }] }), 'denied'],
    ['the port', policy('deny', { conditions: [{ on: 'port', values: ['80'] }] }), 'allowed rule 0'],
    ['another port', policy('deny', { conditions: [{ on: 'port', values: ['81'] }] }), 'denied'],
  ] as const)
    test(`with ${name}: ${expected}`, () => assert.equal(verdict(access), expected));

  test('raw TCP has no paths: they never let through, and are left out of what refuses', () => {
    const path = { on: 'path', values: ['/a'] } as const;
    assert.equal(verdict(policy('deny', { conditions: [path] }), true), 'denied');
    assert.equal(verdict(policy('allow', { action: 'deny', conditions: [path] }), true), 'denied rule 0');
    assert.equal(verdict(policy('allow', { action: 'custom', authorizer: 'opa', conditions: [path] }), true), 'denied rule 0');
    assert.equal(verdict(policy('deny', { conditions: [{ on: 'ip', values: ['10.0.0.0/8'] }] }), true), 'depends rule 0');
  });

  test('what is asked of a caller holds for nobody, unless it says not', () => {
    assert.equal(verdict(policy('deny', { conditions: [{ on: 'principal', values: ['*'] }] }), false, null), 'denied');
    assert.equal(verdict(policy('deny', { conditions: [{ ...from('web'), not: true }] }), false, null), 'allowed rule 0');
  });

  test('raw TCP tells addresses and server names, but not here', () => {
    for (const on of ['ip', 'remote-ip', 'destination-ip', 'server-name'] as const)
      assert.equal(verdict(policy('deny', { conditions: [{ on, values: ['10.0.0.1'] }] }), true), 'depends rule 0', on);
  });

  test('a port that is not known may be any', () => {
    const port = policy('deny', { conditions: [{ on: 'port', values: ['81'] }] });
    assert.equal(judgeCaller(port, { principal: null, port: null, raw: false }).verdict, 'depends');
  });
});
