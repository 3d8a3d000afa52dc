import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { explain } from '../../src/proxy/explain.ts';
import { buildTables } from '../../src/proxy/tables.ts';
import type { GatewayListener, Snapshot } from '../../src/snapshot/snapshot.ts';
import { mintToken, tokenKey } from '../support/token-issuer.ts';
import { issuerOf } from '../support/token-judge.ts';
import { match, rule, ruleParts } from './rule-harness.ts';
import { snapshotOf, towards } from './sidecar-fixture.ts';

const route = towards('reviews', 'http', 9080);
const [split] = route.outbound.map(({ tcp }) => tcp);
const dns = [{ name: 'reviews', address: '240.240.0.1' }];

function linesOf(
  url: string,
  more: Partial<Snapshot> = {},
  headers: readonly (readonly [string, string])[] = [],
): readonly string[] {
  const snapshot = snapshotOf('web', { version: '1', ...route, dns, ...more });
  const tables = buildTables(snapshot, ruleParts(), () => assert.fail('nothing listens'));
  return explain(tables, { method: 'GET', url, headers }, Date.now()).lines;
}

function gateway(listener: Partial<GatewayListener>): Partial<Snapshot> {
  return {
    kind: 'gateway',
    gateway: [{ name: 'web', port: 8080, protocol: 'http', routeTable: 'web:8080', tcp: [], ...listener }],
  };
}

describe('explain at a sidecar', () => {
  test('a rule and its endpoints', () =>
    assert.deepEqual(linesOf('http://reviews:9080/'), [
      '✔ all takes every request',
      '→ 100% outbound|9080||reviews',
      '  as / for reviews:9080',
      '  outbound|9080||reviews: reviews-1 127.0.0.1:9080 mtls',
    ]));
  for (const egress of ['allow-any', 'registry-only'] as const)
    test(`another port of a known name is closed, also with egress: ${egress}`, () =>
      assert.deepEqual(linesOf('http://reviews/', { egress }), [
        'reviews has no port 80, but 9080',
        'the connection is closed: nothing else is behind a name of the mesh',
      ]));
  test('raw TCP, with what hits its connections', () => {
    const raw = towards('db', 'tcp', 9080);
    const faulty = {
      ...raw,
      outbound: raw.outbound.map(each => ({ ...each, tcpFaults: [{ kind: 'reset', percent: 50 } as const] })),
    };
    assert.deepEqual(linesOf('http://240.240.0.1:9080/', faulty), [
      'raw tcp: no rule looks inside',
      '→ 100% outbound|9080||db',
      '  fault: reset, 50 %',
      '  outbound|9080||db: db-1 127.0.0.1:9080 mtls',
    ]);
  });
  test('an unknown name is judged by egress', () =>
    assert.match(linesOf('http://elsewhere.test/').join(), /no name of the mesh,egress is registry-only/));
});

describe('explain at a gateway', () => {
  test('that redirects, with a table or without', () =>
    assert.deepEqual(linesOf('http://shop.test:8080/a?b=c', gateway({ httpsRedirectPort: 8443 })), [
      'every request: → 301 to https://shop.test:8443/a?b=c',
    ]));
  test('that passes TLS through, by the server name', () => {
    const passing = gateway({ protocol: 'tls', sni: [{ hosts: ['*.shop.test'], split: split ?? [] }] });
    assert.deepEqual(linesOf('https://a.shop.test:8080/', passing).slice(0, 2), [
      'raw tls: by the server name a.shop.test',
      '→ 100% outbound|9080||reviews',
    ]);
    assert.deepEqual(linesOf('https://b.test:8080/', passing), ['no rule has the server name b.test: the connection is closed']);
  });
});

test('explain at a gateway with access rules says whom it would ask, and asks nobody', () => {
  const [table] = route.routeTables;
  assert.ok(table);
  const closed = gateway({
    access: {
      default: 'allow',
      rules: [
        { name: 'ask', action: 'custom', authorizer: 'opa', conditions: [{ on: 'path', values: ['/a*'] }] },
        { name: 'staff', action: 'allow', conditions: [{ on: 'principal', values: ['*'] }] },
      ],
    },
  });
  const lines = (path: string): readonly string[] =>
    linesOf(`http://shop.test:8080${path}`, { ...closed, routeTables: [{ ...table, name: 'web:8080' }] }).slice(0, 2);
  const refused = 'access rules refuse a client without certificate: 403 (none)';
  assert.deepEqual(lines('/a'), ['authorizer opa is asked (ask)', refused]);
  assert.deepEqual(lines('/b')[0], refused);
});

describe('explain of a request with a token', async () => {
  const [key, other] = await Promise.all([tokenKey(), tokenKey('ES256', 'other')]);
  const tokens = [issuerOf([key], { claimHeaders: [{ header: 'x-user', claim: ['sub'] }] })];
  const listener: GatewayListener = { name: 'web', port: 8080, protocol: 'http', routeTable: 'web:8080', tcp: [], tokens };
  const rules = [
    rule({ name: 'beta', matches: [match({ claims: [{ claim: ['groups'], kind: 'exact', value: 'beta' }] })] }),
    rule({ name: 'alice', matches: [match({ headers: [{ name: 'x-user', kind: 'exact', value: 'alice' }] })] }),
  ];
  const edge = {
    ...gateway(listener),
    routeTables: [{ name: 'web:8080', virtualHosts: [{ name: '*', domains: ['*'], rules }] }],
  };
  const lines = async (claims: object, by = key) =>
    linesOf('http://shop:8080/', edge, [
      ['authorization', `Bearer ${await mintToken(by, { iss: 'https://auth.test', ...claims })}`],
    ]).slice(0, 3);

  test('which rule its claims lead to', async () => {
    assert.deepEqual(await lines({ sub: 'bob', groups: ['staff', 'beta'] }), [
      'token of https://auth.test/bob; its signature is not checked here',
      '✔ beta',
      '✖ 1 more below',
    ]);
    assert.deepEqual(await lines({ sub: 'alice', groups: 'staff' }), [
      'token of https://auth.test/alice; its signature is not checked here',
      '✖ beta: claim groups has to be exactly "beta", is "staff"',
      '✔ alice',
    ]);
  });
  test('and why it would be refused', async () => {
    assert.deepEqual(await lines({ exp: 1 }), ['the token is refused: Jwt is expired']);
    assert.deepEqual(await lines({}, other), ["the token is refused: Jwks doesn't have key to match kid or alg from Jwt"]);
    assert.deepEqual(linesOf('http://shop:8080/', edge)[0], '✖ beta: claim groups has to be exactly "beta", is missing');
  });
});
