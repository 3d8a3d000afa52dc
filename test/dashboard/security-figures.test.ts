import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import type { SeenCall } from '../../src/api/access.ts';
import type { EdgeStats } from '../../src/api/stats.ts';
import type { ConfigDocument } from '../../src/api/types.ts';
import type { GridCell } from '../../src/dashboard/pages/security/access-grid.ts';
import { encryptionOf, plaintextEdges } from '../../src/dashboard/pages/security/encryption.ts';
import { lifeUsed } from '../../src/dashboard/pages/security/life-used.ts';
import { callsBetween, narrowSuggestion, suggestions } from '../../src/dashboard/pages/security/rule-suggestion.ts';

type Verdict = GridCell['doors'][number]['verdict'];

function cell(from: string | null, ...verdicts: readonly Verdict[]): GridCell {
  const doors = verdicts.map((verdict, index) => ({ from, to: 'b', port: 80 + index, verdict, rules: [] }));
  return { from, to: 'b', doors, mark: 'closed', calls: 0, refused: 0 };
}

/** What mesh.yaml would read. */
const rulesOf = (yaml: string): unknown => (parse(yaml) as { access: { rules: unknown } }).access.rules;
const rules = (each: GridCell): readonly unknown[] => suggestions(each).map(({ title, yaml }) => [title, rulesOf(yaml)]);
const call = (method: string, path: string, more: Partial<SeenCall> = {}): SeenCall => ({
  from: 'a',
  to: 'b',
  port: 80,
  method,
  path,
  allowed: true,
  calls: 1,
  ...more,
});

describe('rules to write', () => {
  test('turn round what is in force', () => {
    assert.deepEqual(rules(cell('a', 'denied')), [['To allow it', [{ from: 'a', to: 'b' }]]]);
    assert.deepEqual(rules(cell('a', 'allowed')), [['To refuse it', [{ action: 'deny', from: 'a', to: 'b' }]]]);
    assert.equal(rules(cell('a', 'depends')).length, 2);
  });

  test('open the closed ports only, and know who has no identity', () => {
    assert.deepEqual(rules(cell('a', 'allowed', 'denied'))[0], ['To allow it', [{ from: 'a', to: 'b', ports: 81 }]]);
    assert.deepEqual(rules(cell(null, 'denied')), [['To allow it', [{ notFrom: '*', to: 'b' }]]]);
  });

  test('allow just what was seen: paths of the same methods together', () => {
    const seen = [call('GET', '/x'), call('GET', '/y'), call('POST', '/y'), call('GET', '/z/{*}'), call('', '')];
    assert.deepEqual(rulesOf(narrowSuggestion('a', 'b', seen)?.yaml ?? ''), [
      { from: 'a', to: 'b', ports: 80, methods: 'GET', paths: ['/x', '/z/{*}'] },
      { from: 'a', to: 'b', ports: 80, methods: ['GET', 'POST'], paths: '/y' },
    ]);
    assert.equal(narrowSuggestion(null, 'b', seen), null);
    assert.equal(narrowSuggestion('a', 'b', [call('', '')]), null);
  });
});

test('calls between two are summed over workloads, the most frequent first', () => {
  const seen = [
    call('GET', '/x'),
    call('GET', '/y', { calls: 5 }),
    call('GET', '/x', { calls: 2 }),
    call('GET', '/x', { to: 'c' }),
  ];
  assert.deepEqual(
    callsBetween(seen, 'a', 'b').map(({ path, calls }) => [path, calls]),
    [
      ['/y', 5],
      ['/x', 3],
    ],
  );
});

test('encryption: modes and calls of each service, plaintext first', () => {
  const edge = (from: string, to: string, secured: boolean | null, requests: number): EdgeStats =>
    ({
      source: { name: from, kind: from === 'x' ? 'unknown' : 'service' },
      destination: { name: to },
      protocol: 'http',
      secured,
      total: { requests, denied: 1 },
    }) as EdgeStats;
  const edges = [edge('a', 'b', true, 5), edge('x', 'c', false, 2), edge('x', 'c', false, 3), edge('a', 'c', null, 7)];
  const services = [
    { name: 'b', mtls: 'strict' },
    { name: 'c', mtls: 'permissive', mtlsPorts: [{ port: 90, mode: 'disabled' }] },
  ];
  assert.deepEqual(encryptionOf({ config: { services } } as unknown as ConfigDocument, edges), [
    { service: 'c', mode: 'permissive', ports: '90 disabled', secured: 0, plaintext: 5 },
    { service: 'b', mode: 'strict', ports: '', secured: 5, plaintext: 0 },
  ]);
  assert.deepEqual(plaintextEdges(edges), [{ from: '(no identity)', to: 'c', protocol: 'http', calls: 5, refused: 2 }]);
});

test('the life of a certificate is used up from when it was taken to its end', () => {
  const at = (ms: number): string => new Date(ms).toISOString();
  assert.equal(lifeUsed({ since: at(1_000), expiresAt: at(5_000) }, 2_000), 0.25);
  assert.equal(lifeUsed({ since: at(1_000), expiresAt: at(5_000) }, 9_000), 1);
  assert.equal(lifeUsed({ since: at(1_000), expiresAt: at(5_000) }, 0), 0);
  assert.equal(lifeUsed({ since: null, expiresAt: at(5_000) }, 0), null);
});
