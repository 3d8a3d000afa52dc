import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeSnapshot, SnapshotError } from '../../src/snapshot/decode.ts';
import type { Snapshot } from '../../src/snapshot/snapshot.ts';
import { fixture, fullFixture } from './fixture.ts';

/** A fixture with one place changed; `value` undefined removes the field. */
function changed(path: readonly (string | number)[], value: unknown, from: Snapshot = fixture): unknown {
  const copy = JSON.parse(JSON.stringify(from)) as unknown;
  let at = copy as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) at = at[step] as Record<string | number, unknown>;
  const last = path.at(-1) as string | number;
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}

test('a snapshot survives the wire', () => {
  assert.deepEqual(decodeSnapshot(JSON.parse(JSON.stringify(fixture))), fixture);
  assert.deepEqual(decodeSnapshot(JSON.parse(JSON.stringify(fullFixture))), fullFixture);
});

const first = (key: 'inbound' | 'outbound' | 'clusters' | 'dns') => fixture[key][0];
const rule = ['routeTables', 0, 'virtualHosts', 0, 'rules', 0] as const;
const accessPath = ['inbound', 0, 'access', 'rules', 0] as const;
const accessText = 'inbound[0].access.rules[0]';
const accessConditions = [...accessPath, 'conditions'] as const;
const accessValues = [...accessConditions, 0, 'values'] as const;

const refused: readonly [string, readonly (string | number)[], unknown, string][] = [
  ['missing field', ['egress'], undefined, 'egress'],
  ['unknown field', ['faults'], [], 'faults'],
  [
    'unknown field deep inside',
    ['inbound', 0, 'access', 'rules', 0, 'notPrincipals'],
    [],
    'inbound[0].access.rules[0].notPrincipals',
  ],
  ['port 0', ['inbound', 0, 'port'], 0, 'inbound[0].port'],
  ['port 65536', ['clusters', 0, 'port'], 65_536, 'clusters[0].port'],
  ['port as text', ['clusters', 0, 'port'], '80', 'clusters[0].port'],
  ['fraction', ['clusters', 0, 'connectTimeoutMs'], 1.5, 'clusters[0].connectTimeoutMs'],
  ['timeout that a timer cannot hold', [...rule, 'timeoutMs'], 2 ** 31, 'routeTables[0].virtualHosts[0].rules[0].timeoutMs'],
  ['address with 256', ['outbound', 0, 'address'], '240.240.1.256', 'outbound[0].address'],
  ['endpoint by name', ['clusters', 0, 'endpoints', 0, 'address'], 'reviews', 'clusters[0].endpoints[0].address'],
  ['unknown word', ['inbound', 0, 'mtls'], 'STRICT', 'inbound[0].mtls'],
  ['null for a list', ['dns'], null, 'dns'],
  ['same inbound port twice', ['inbound'], [first('inbound'), first('inbound')], 'inbound[1]'],
  ['same address twice', ['outbound'], [first('outbound'), first('outbound')], 'outbound[1]'],
  ['same cluster twice', ['clusters'], [first('clusters'), first('clusters')], 'clusters[1]'],
  ['same DNS name twice', ['dns'], [first('dns'), { name: 'reviews', address: '240.240.9.9' }], 'dns[1]'],
  ['route table that is not there', ['outbound', 0, 'routeTable'], 'other', 'outbound[0].routeTable'],
  ['HTTP without a route table', ['gateway', 0, 'routeTable'], '', 'gateway[0].routeTable'],
  ['TCP without a destination', ['gateway', 0, 'protocol'], 'tcp', 'gateway[0].tcp'],
  ['cluster that is not there', ['outbound', 0, 'tcp', 0, 'cluster'], 'x', 'outbound[0].tcp[0].cluster'],
  [
    'rule to a cluster that is not there',
    [...rule, 'action', 'split', 0, 'cluster'],
    'x',
    'routeTables[0].virtualHosts[0].rules[0].action.split[0].cluster',
  ],
  ['rule to nowhere', [...rule, 'action', 'split'], [], 'routeTables[0].virtualHosts[0].rules[0].action.split'],
  ['unknown action', [...rule, 'action', 'kind'], 'drop', 'routeTables[0].virtualHosts[0].rules[0].action.kind'],
  [
    'broken pattern',
    [...rule, 'matches', 0, 'path', 'value'],
    '(',
    'routeTables[0].virtualHosts[0].rules[0].matches[0].path.value',
  ],
  [
    'upper-case header',
    [...rule, 'matches', 0, 'headers', 0, 'name'],
    'End-User',
    'routeTables[0].virtualHosts[0].rules[0].matches[0].headers[0].name',
  ],
  [
    'lower-case method',
    [...rule, 'matches', 0, 'methods', 0],
    'get',
    'routeTables[0].virtualHosts[0].rules[0].matches[0].methods[0]',
  ],
  [
    'host twice in a table',
    ['routeTables', 0, 'virtualHosts', 0, 'domains'],
    ['a', 'a'],
    'routeTables[0].virtualHosts[0].domains',
  ],
  ['upper-case host', ['routeTables', 0, 'virtualHosts', 0, 'domains'], ['Reviews'], 'routeTables[0].virtualHosts[0].domains[0]'],
  ['identity that is no SPIFFE ID', ['clusters', 0, 'identities'], ['reviews'], 'clusters[0].identities[0]'],
  ['a star inside of a value', [...accessValues, 0], 'spiffe://*/x', `${accessText}.conditions[0].values[0]`],
  ['a condition without values', accessValues, [], `${accessText}.conditions[0].values`],
  ['an unknown fact', [...accessConditions, 0, 'on'], 'weather', `${accessText}.conditions[0].on`],
  ['a header without name', [...accessConditions, 2, 'name'], [], `${accessText}.conditions[2].name`],
  ['a name that nobody asks for', [...accessConditions, 0, 'name'], ['x'], `${accessText}.conditions[0].name`],
  ['a header in upper case', [...accessConditions, 2, 'name', 0], 'X-Role', `${accessText}.conditions[2].name[0]`],
  ['a star inside of a path', [...accessConditions, 1, 'values', 0], '/a*/b', `${accessText}.conditions[1].values[0]`],
  ['a template with a star', [...accessConditions, 1, 'values', 0], '/{*}/a*', `${accessText}.conditions[1].values[0]`],
  ['a bad block', [...accessConditions, 0], { on: 'ip', values: ['10.0.0.0/33'] }, `${accessText}.conditions[0].values[0]`],
  ['a bad port', [...accessConditions, 0], { on: 'port', values: ['http'] }, `${accessText}.conditions[0].values[0]`],
  ['an authorizer that nobody asks', [...accessPath, 'authorizer'], 'opa', `${accessText}.authorizer`],
  [
    'an authorizer that is not there',
    accessPath,
    { name: 'a', action: 'custom', authorizer: 'opa', conditions: [] },
    `${accessText}.authorizer`,
  ],
];

for (const [what, path, value, where] of refused) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => decodeSnapshot(changed(path, value)),
      (error: unknown) => error instanceof SnapshotError && error.path === where && error.message.startsWith(`${where}: `),
    );
  });
}

const ruleText = 'routeTables[0].virtualHosts[0].rules[0]';
const policies: readonly [string, readonly (string | number)[], unknown, string][] = [
  ['a mirror to nowhere', [...rule, 'mirrors', 0, 'cluster'], 'x', `${ruleText}.mirrors[0].cluster`],
  [
    'a server name that leads nowhere',
    ['gateway', 2, 'sni', 0, 'split', 0, 'cluster'],
    'x',
    'gateway[2].sni[0].split[0].cluster',
  ],
  ['a gateway with TLS without a certificate', ['gateway', 1, 'tls', 'certificates'], [], 'gateway[1].tls.certificates'],
  [
    'an abort of raw TCP',
    ['outbound', 0, 'tcpFaults', 1],
    { kind: 'abort', percent: 1, status: 503 },
    'outbound[0].tcpFaults[1].kind',
  ],
  ['more than all', [...rule, 'faults', 0, 'percent'], 101, `${ruleText}.faults[0].percent`],
  ['a field of another kind of fault', [...rule, 'faults', 1, 'ms'], 10, `${ruleText}.faults[1].ms`],
  ['an interim status', [...rule, 'faults', 0, 'status'], 100, `${ruleText}.faults[0].status`],
  [
    'a kind of redirection',
    ['routeTables', 0, 'virtualHosts', 0, 'rules', 1, 'action', 'status'],
    304,
    'routeTables[0].virtualHosts[0].rules[1].action.status',
  ],
  [
    'a second line in a header',
    [...rule, 'responseHeaders', 'set'],
    [{ name: 'a', value: 'b\r\nc: d' }],
    `${ruleText}.responseHeaders.set[0].value`,
  ],
  ['an upper-case header', [...rule, 'requestHeaders', 'remove'], ['X'], `${ruleText}.requestHeaders.remove[0]`],
  [
    'a broken pattern of a rewrite',
    [...rule, 'action', 'rewrite', 'path', 'pattern'],
    '(',
    `${ruleText}.action.rewrite.path.pattern`,
  ],
  ['false for a switch', [...rule, 'action', 'exact'], false, `${ruleText}.action.exact`],
  ['null for an absent field', [...rule, 'cors'], null, `${ruleText}.cors`],
  [
    'two buckets of one name',
    [...rule, 'rateLimits'],
    [0, 0].map(() => fullFixture.inbound[0]?.rateLimits?.[0]),
    `${ruleText}.rateLimits[1]`,
  ],
  ['a ring without what is hashed', ['clusters', 0, 'hash'], undefined, 'clusters[0].hash'],
  ['a hash without a ring', ['clusters', 0, 'balancer'], 'random', 'clusters[0].hash'],
  ['TLS that nothing is said of', ['clusters', 0, 'tls'], undefined, 'clusters[0].endpoints[0].tls'],
  ['a private key of an issuer', ['inbound', 0, 'tokens', 0, 'keys', 0, 'd'], 'AA', 'inbound[0].tokens[0].keys[0]'],
  ['a key that is none', ['inbound', 0, 'tokens', 0, 'keys', 0], 'AA', 'inbound[0].tokens[0].keys[0]'],
  [
    'a claim without a name',
    ['inbound', 0, 'tokens', 0, 'claimHeaders', 0, 'claim'],
    [],
    'inbound[0].tokens[0].claimHeaders[0].claim',
  ],
  ['a field in upper case', ['inbound', 0, 'tokens', 0, 'payloadHeader'], 'X-P', 'inbound[0].tokens[0].payloadHeader'],
  ['an unknown place of tokens', ['inbound', 0, 'tokens', 0, 'from', 0, 'kind'], 'body', 'inbound[0].tokens[0].from[0].kind'],
  ['one issuer twice', ['inbound', 0, 'tokens'], [0, 0].map(() => fullFixture.inbound[0]?.tokens?.[0]), 'inbound[0].tokens[1]'],
  ['a host name that nobody resolves', ['clusters', 0, 'resolution'], undefined, 'clusters[0].endpoints[0].address'],
];

for (const [what, path, value, where] of policies) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => decodeSnapshot(changed(path, value, fullFixture)),
      (error: unknown) => error instanceof SnapshotError && error.path === where,
    );
  });
}

test('several destinations need weights above 0; one alone may have any', () => {
  const clusters = [first('clusters'), { ...fixture.clusters[0], name: 'outbound|9080|v1|reviews', subset: 'v1' }];
  const withSplit = (weight: number) => {
    const value = changed(
      [...rule, 'action', 'split'],
      [
        { cluster: 'outbound|9080||reviews', weight: 9 },
        { cluster: 'outbound|9080|v1|reviews', weight },
      ],
    );
    return { ...(value as object), clusters };
  };
  assert.equal(decodeSnapshot(withSplit(1)).clusters.length, 2);
  assert.throws(() => decodeSnapshot(withSplit(0)), /split\[1\]\.weight: expected more than 0/);
  decodeSnapshot(changed([...rule, 'action', 'split', 0, 'weight'], 0));
});

test('whatever arrives, the answer is a snapshot or a SnapshotError', () => {
  fc.assert(
    fc.property(fc.jsonValue(), value => {
      assert.throws(() => decodeSnapshot(value), SnapshotError);
    }),
    { numRuns: 200 },
  );
  for (const [key] of Object.entries(fixture)) {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        try {
          decodeSnapshot({ ...fixture, [key]: value });
        } catch (error) {
          assert.ok(error instanceof SnapshotError, String(error));
        }
      }),
      { numRuns: 30 },
    );
  }
});
