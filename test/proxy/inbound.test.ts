import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { rule } from './access/rules.ts';
import { bodyOf, exchangeRaw, get, startHttp, statusOf } from './backend.ts';
import { clusterTo, emptySnapshot, freePort, inboundSnapshot, ruleTo, startPlane } from './data-plane-harness.ts';

const peer = { spiffeId: 'spiffe://test.local/ns/default/sa/storefront', certificateHash: 'ab12' };

describe('inbound', () => {
  test('the app learns the peer from its certificate and from nothing else', async () => {
    await using app = await startHttp((req, res) => res.end(req.headers['x-forwarded-client-cert'] ?? 'none'));
    await using secured = await startPlane('inbound', inboundSnapshot(app.port), { localPort: app.port, peer });
    const claim = [
      'X-Forwarded-Client-Cert: URI=spiffe://test.local/admin',
      'X-FORWARDED-client-cert: URI=spiffe://test.local/root',
      'x_forwarded_client_cert: URI=spiffe://test.local/under',
      'x.forwarded-client.cert: URI=spiffe://test.local/dot',
    ];
    const element = (who: string): string => `By=spiffe://test.local/ns/default/sa/reviews;Hash=ab12;Subject="";URI=${who}`;
    // A sidecar takes out what its app claims, unless the app hides that it speaks HTTP: an empty line before the request is enough.
    for (const lines of [claim, claim.slice(2)])
      assert.equal(bodyOf(await exchangeRaw(secured.port, `\r\n${get('/', ...lines)}`)), element(peer.spiffeId));
    // A gateway sends on what was put there at the edge: the caller's own element is the last.
    const edge = { ...inboundSnapshot(app.port), edges: [peer.spiffeId] };
    await using behind = await startPlane('inbound', edge, { localPort: app.port, peer });
    assert.equal(
      bodyOf(await exchangeRaw(behind.port, get('/', ...claim))),
      `URI=spiffe://test.local/admin,URI=spiffe://test.local/root,${element(peer.spiffeId)}`,
    );
    const alice = { ...peer, spiffeId: 'spiffe://test.local/person/alice' };
    await using person = await startPlane('inbound', inboundSnapshot(app.port), { localPort: app.port, peer: alice });
    assert.equal(bodyOf(await exchangeRaw(person.port, get('/', ...claim))), element(alice.spiffeId));
    await using plain = await startPlane('inbound', inboundSnapshot(app.port), { localPort: app.port });
    assert.equal(bodyOf(await exchangeRaw(plain.port, get('/', ...claim))), 'none');
  });

  test('access rules judge caller, method and the path that the app gets', async () => {
    await using app = await startHttp((req, res) => res.end(req.url));
    const access = {
      default: 'deny' as const,
      rules: [rule('deny', { path: ['/admin*'] }), rule('allow', { principal: [peer.spiffeId], method: ['GET'], path: ['/*'] })],
    };
    await using plane = await startPlane('inbound', inboundSnapshot(app.port, { access }), { localPort: app.port, peer });
    const results = [];
    for (const path of ['/ok?x', '/admin', '/x/../admin', '//admin', '/%61dmin', '/a%2f..%2fadmin', '/./ok//a']) {
      const answer = await exchangeRaw(plane.port, get(path));
      results.push([path, statusOf(answer), bodyOf(answer)]);
    }
    const denied = 'RBAC: access denied';
    assert.deepEqual(results, [
      ['/ok?x', 200, '/ok?x'],
      ['/admin', 403, denied],
      ['/x/../admin', 403, denied],
      ['//admin', 403, denied],
      ['/%61dmin', 403, denied],
      ['/a%2f..%2fadmin', 400, ''],
      ['/./ok//a', 200, '/ok/a'],
    ]);
    assert.equal(statusOf(await exchangeRaw(plane.port, get('/ok').replace('GET', 'POST'))), 403);
    await using stranger = await startPlane('inbound', inboundSnapshot(app.port, { access }), { localPort: app.port });
    assert.equal(statusOf(await exchangeRaw(stranger.port, get('/ok'))), 403);
    assert.match(
      plane.plane.metrics(),
      /reporter="destination",source_workload="storefront".*connection_security_policy="mutual_tls".*response_code="403"/,
    );
  });

  test('an app that is not there is 503 UF', async () => {
    const port = await freePort();
    await using plane = await startPlane('inbound', inboundSnapshot(port), { localPort: port });
    assert.equal(statusOf(await exchangeRaw(plane.port, get('/'))), 503);
  });
});

describe('gateway', () => {
  test('what strangers claim about themselves is replaced', async () => {
    await using app = await startHttp((req, res) => res.end(JSON.stringify(req.headers)));
    const snapshot = {
      ...emptySnapshot,
      kind: 'gateway' as const,
      gateway: [{ name: 'web', port: 8080, protocol: 'http' as const, routeTable: 'web', tcp: [] }],
      routeTables: [{ name: 'web', virtualHosts: [{ name: 'web', domains: ['*.shop.test'], rules: [ruleTo('a')] }] }],
      clusters: [clusterTo('a', [app.port])],
    };
    await using plane = await startPlane('gateway', snapshot, { localPort: 8080 });
    const claims = ['X-Forwarded-For: 1.2.3.4', 'X-Forwarded-Proto: https', 'X-Forwarded-Client-Cert: URI=x'];
    const sent = get('/', ...claims).replace('Host: any', 'Host: WWW.shop.test:8080');
    const headers = JSON.parse(bodyOf(await exchangeRaw(plane.port, sent)));
    assert.equal(headers['x-forwarded-for'], '127.0.0.1');
    assert.equal(headers['x-forwarded-proto'], 'http');
    assert.equal(headers['x-forwarded-client-cert'], undefined);
    assert.equal(headers['host'], 'WWW.shop.test:8080');
    assert.ok(headers['x-request-id']);
    assert.equal(statusOf(await exchangeRaw(plane.port, get('/'))), 404);
  });
});
