import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { accessMatrix } from '../../src/control/access-matrix.ts';
import type { AccessPolicy, AccessRule } from '../../src/snapshot/access-policy.ts';
import type { InboundListener, Snapshot } from '../../src/snapshot/snapshot.ts';

const id = (service: string): string => `spiffe://shop.local/ns/default/sa/${service}`;

type Member = Pick<Snapshot, 'service' | 'identity' | 'inbound'>;

function member(service: string, ...inbound: Partial<InboundListener>[]): Member {
  const port = { port: 80, protocol: 'http', mtls: 'strict', published: false, cluster: '', access: null } as const;
  return { service, identity: id(service), inbound: inbound.map(part => ({ ...port, ...part })) };
}

function policy(byDefault: 'allow' | 'deny', ...rules: (Partial<AccessRule> & Pick<AccessRule, 'conditions'>)[]): AccessPolicy {
  return { default: byDefault, rules: rules.map((rule, index) => ({ name: `rule ${index}`, action: 'allow', ...rule })) };
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

  test('a port is judged by its policy, its number and its protocol', () => {
    const path = policy('deny', { conditions: [{ on: 'path', values: ['/a'] }] });
    const port = policy('deny', { conditions: [{ on: 'port', values: ['81'] }] });
    const { cells } = accessMatrix([
      member('to', { access: path }, { access: path, port: 81, protocol: 'tcp' }, { access: port, port: 82 }),
      member('web'),
    ]);
    assert.deepEqual(
      cells.map(cell => [cell.port, cell.verdict, ...cell.rules].join(' ')),
      ['80 depends rule 0', '81 denied', '82 denied'],
    );
  });
});
