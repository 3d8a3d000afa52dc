import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { explain } from '../../src/proxy/explain.ts';
import { buildTables } from '../../src/proxy/tables.ts';
import type { GatewayListener, Snapshot } from '../../src/snapshot/snapshot.ts';
import { ruleParts } from './rule-harness.ts';
import { snapshotOf, towards } from './sidecar-fixture.ts';

const route = towards('reviews', 'http', 9080);
const [split] = route.outbound.map(({ tcp }) => tcp);
const dns = [{ name: 'reviews', address: '240.240.0.1' }];

function linesOf(url: string, more: Partial<Snapshot> = {}): readonly string[] {
  const snapshot = snapshotOf('web', { version: '1', ...route, dns, ...more });
  const tables = buildTables(snapshot, ruleParts(), () => assert.fail('nothing listens'));
  return explain(tables, { method: 'GET', url, headers: [] }).lines;
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
