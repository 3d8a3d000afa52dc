/** Rules on their way through real sockets: what listeners add to requests and to what rules say. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RouteRule } from '../../src/snapshot/route-rule.ts';
import type { GatewayListener, Snapshot } from '../../src/snapshot/snapshot.ts';
import { eventually } from '../support/eventually.ts';
import { rule } from './access/rules.ts';
import { type Backend, bodyOf, exchangeRaw, get, headerOf, startHttp, statusOf } from './backend.ts';
import { clusterTo, emptySnapshot, inboundSnapshot, outboundSnapshot, ruleTo, startPlane } from './data-plane-harness.ts';

/** A server that answers with the request line and all header lines that it got. */
const startEcho = (name = ''): Promise<Backend> =>
  startHttp((req, res) => {
    const lines: string[] = [];
    for (let i = 0; i < req.rawHeaders.length; i += 2)
      lines.push(`${req.rawHeaders[i]?.toLowerCase()}: ${req.rawHeaders[i + 1]}`);
    res.end(`${name}${[`${req.method} ${req.url}`, ...lines.sort()].join('\n')}`);
  });

function gatewaySnapshot(port: number, rule: Partial<RouteRule>, more: Partial<GatewayListener> = {}): Snapshot {
  return {
    ...emptySnapshot,
    kind: 'gateway',
    clusters: [clusterTo('a', [port])],
    gateway: [{ name: 'web', port: 80, protocol: 'http', routeTable: 'all', tcp: [], ...more }],
    routeTables: [{ name: 'all', virtualHosts: [{ name: 'all', domains: ['*'], rules: [ruleTo('a', rule)] }] }],
  };
}

const set = (name: string, value: string) => ({ remove: [], set: [{ name, value }], add: [] });

describe('a gateway', () => {
  const claims = [
    'X-Forwarded-For: 6.6.6.6',
    'X-Forwarded-Proto: https',
    'X-Envoy-Original-Path: /evil',
    'X-Forwarded-Client-Cert: By=me',
  ];

  test('says itself where a request comes from', async () => {
    await using app = await startEcho();
    await using plane = await startPlane('gateway', gatewaySnapshot(app.port, {}));
    const got = bodyOf(await exchangeRaw(plane.port, get('/', ...claims, 'X-Request-Id: one')));
    assert.match(got, /\nx-forwarded-for: 127\.0\.0\.1\nx-forwarded-proto: http\nx-request-id: one$/);
    assert.doesNotMatch(got, /6\.6\.6\.6|evil|By=me/);
  });

  test("but a rule's own line stands in place of the gateway's, also of a request id", async () => {
    await using app = await startEcho();
    const rule = { requestHeaders: { ...set('x-forwarded-for', '1.1.1.1'), remove: ['x-forwarded-proto', 'x-request-id'] } };
    await using plane = await startPlane('gateway', gatewaySnapshot(app.port, rule));
    for (const lines of [claims, ['X-Request-Id: one']]) {
      const got = bodyOf(await exchangeRaw(plane.port, get('/', ...lines)));
      assert.match(got, /\nx-forwarded-for: 1\.1\.1\.1$/);
      assert.doesNotMatch(got, /x-forwarded-proto|x-request-id/);
    }
  });

  test('sends plain HTTP to the port of https where it is told to, whatever the rules say', async () => {
    await using app = await startEcho();
    for (const [port, host, location] of [
      [8443, 'shop.test:8080', 'https://shop.test:8443/a?b=c'],
      [443, 'shop.test', 'https://shop.test/a?b=c'],
    ] as const) {
      await using plane = await startPlane('gateway', gatewaySnapshot(app.port, {}, { httpsRedirectPort: port }));
      const answer = await exchangeRaw(plane.port, get('/a?b=c').replace('Host: any', `Host: ${host}`));
      assert.deepEqual([statusOf(answer), headerOf(answer, 'location')], [301, location]);
      assert.equal(headerOf(answer, 'x-mesh-reason'), null);
    }
    assert.equal(app.connections(), 0);
  });
});

describe('a sidecar', () => {
  test('forwards a rewritten request and tells the server its old path; the log keeps the one that was asked for', async () => {
    await using app = await startEcho();
    const split = [{ cluster: 'a', weight: 1 }];
    const action = { kind: 'forward', split, rewrite: { path: { kind: 'prefix', value: '/new' }, host: 'other.test' } } as const;
    const matches = [{ path: { kind: 'prefix', value: '/old' }, methods: [], headers: [], query: [] }] as const;
    const snapshot = outboundSnapshot([clusterTo('a', [app.port])], [ruleTo('a', { action, matches })], { accessLog: 'json' });
    await using plane = await startPlane('outbound', snapshot);
    const got = bodyOf(await exchangeRaw(plane.port, get('/old/x?y=1')));
    assert.match(got, /^GET \/new\/x\?y=1\n/);
    assert.match(got, /\nhost: other\.test\n/);
    assert.match(got, /\nx-envoy-original-path: \/old\/x\?y=1\n/);
    await eventually(() => assert.match(plane.accessLog[0] ?? '', /"path":"\/old\/x\?y=1"/));
  });

  test('with a seed does the same again, also over a swap', async () => {
    await using one = await startEcho('1');
    await using two = await startEcho('2');
    const split = [
      { cluster: 'a', weight: 1 },
      { cluster: 'b', weight: 1 },
    ];
    const clusters = [clusterTo('a', [one.port]), clusterTo('b', [two.port])];
    const snapshot = outboundSnapshot(clusters, [ruleTo('a', { action: { kind: 'forward', split } })], { seed: 42 });
    const run = async (swap: boolean): Promise<string> => {
      await using plane = await startPlane('outbound', snapshot);
      let went = '';
      for (let i = 0; i < 20; i++) {
        if (swap && i === 10) plane.plane.apply({ ...snapshot, version: 'another' });
        went += bodyOf(await exchangeRaw(plane.port, get('/')))[0];
      }
      return went;
    };
    const first = await run(false);
    assert.match(first, /1/);
    assert.match(first, /2/);
    assert.equal(await run(true), first);
  });

  test('does not tell a caller which rule denies it; its log does', async () => {
    const rules = [rule('deny', { path: ['/admin*'] }, { name: 'no admin' })];
    const snapshot = inboundSnapshot(80, { access: { default: 'allow', rules } });
    await using plane = await startPlane('inbound', { ...snapshot, accessLog: 'json' });
    const answer = await exchangeRaw(plane.port, get('/admin'));
    assert.deepEqual(
      [statusOf(answer), bodyOf(answer), headerOf(answer, 'x-mesh-reason')],
      [403, 'RBAC: access denied', 'rbac_access_denied'],
    );
    await eventually(() =>
      assert.match(plane.accessLog[0] ?? '', /"response_code_details":"rbac_access_denied_matched_policy\[no_admin\]"/),
    );
  });

  test('limits the rate of its own service, each caller for itself', async () => {
    const limit = { name: 'l', requests: 1, perMs: 60_000, burst: 1, by: { kind: 'source' } } as const;
    await using app = await startEcho();
    const snapshot = inboundSnapshot(app.port, { rateLimits: [limit] });
    const peer = { spiffeId: 'spiffe://test.local/storefront', certificateHash: 'aa' };
    await using plane = await startPlane('inbound', snapshot, { peer, localPort: app.port });
    assert.equal(statusOf(await exchangeRaw(plane.port, get('/'))), 200);
    const answer = await exchangeRaw(plane.port, get('/'));
    assert.deepEqual([statusOf(answer), bodyOf(answer)], [429, 'local_rate_limited']);
    assert.deepEqual(
      ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset', 'retry-after'].map(name => headerOf(answer, name)),
      ['1', '0', '60', '60'],
    );
  });
});
