import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { accessMatrix } from '../../src/control/access-matrix.ts';
import type { AccessPolicy, AccessRule } from '../../src/snapshot/access-policy.ts';
import type { InboundListener, Snapshot } from '../../src/snapshot/snapshot.ts';

const id = (service: string): string => `spiffe://shop.local/ns/default/sa/${service}`;
const from = (...services: string[]): AccessRule['conditions'][number] => ({ on: 'principal', values: services.map(id) });

type Member = Pick<Snapshot, 'service' | 'identity' | 'inbound'>;

function member(service: string, ...inbound: Partial<InboundListener>[]): Member {
  const port = { port: 80, protocol: 'http', mtls: 'strict', published: false, cluster: '', access: null } as const;
  return { service, identity: id(service), inbound: inbound.map(part => ({ ...port, ...part })) };
}

function policy(byDefault: 'allow' | 'deny', ...rules: (Partial<AccessRule> & Pick<AccessRule, 'conditions'>)[]): AccessPolicy {
  return { default: byDefault, rules: rules.map((rule, index) => ({ name: `rule ${index}`, action: 'allow', ...rule })) };
}

/** Verdict and rules of one caller at the service `to`. */
function verdict(access: AccessPolicy, listener: Partial<InboundListener> = {}, caller: string | null = 'web'): string {
  const { cells } = accessMatrix([member('to', { access, ...listener }), member('web'), member('other')]);
  const cell = cells.find(each => each.from === caller);
  return cell === undefined ? 'no cell' : [cell.verdict, ...cell.rules].join(' ');
}

describe('who may call whom', () => {
  test('without rules everybody may call everybody, and nobody asks about calls to oneself', () => {
    const matrix = accessMatrix([member('b', {}), member('a', {}), member('web')]);
    assert.deepEqual(matrix.callers, ['a', 'b', 'web']);
    assert.deepEqual(matrix.services, ['a', 'b']);
    assert.deepEqual(
      matrix.cells.map(cell => `${cell.from} ${cell.to} ${cell.verdict}`),
      ['b a allowed', 'web a allowed', 'a b allowed', 'web b allowed'],
    );
  });

  test('a row for whoever has no identity is there when a port takes plaintext, and only for such ports', () => {
    const matrix = accessMatrix([member('a', {}), member('b', { mtls: 'permissive' }), member('c', { published: true })]);
    assert.deepEqual(matrix.callers, ['a', 'b', 'c', null]);
    assert.deepEqual(
      matrix.cells.filter(cell => cell.from === null).map(cell => cell.to),
      ['b', 'c'],
    );
  });

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
    assert.equal(verdict(policy('deny', { conditions: [path] }), { protocol: 'tcp' }), 'denied');
    assert.equal(verdict(policy('allow', { action: 'deny', conditions: [path] }), { protocol: 'tcp' }), 'denied rule 0');
    assert.equal(
      verdict(policy('deny', { conditions: [{ on: 'ip', values: ['10.0.0.0/8'] }] }), { protocol: 'tcp' }),
      'depends rule 0',
    );
  });

  test('what is asked of a caller holds for nobody, unless it says not', () => {
    const open = { mtls: 'permissive' } as const;
    assert.equal(verdict(policy('deny', { conditions: [{ on: 'principal', values: ['*'] }] }), open, null), 'denied');
    assert.equal(verdict(policy('deny', { conditions: [{ ...from('web'), not: true }] }), open, null), 'allowed rule 0');
  });
});
