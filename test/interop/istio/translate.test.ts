import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { IstioObject } from '../../../src/interop/istio/objects.ts';
import { translateIstio } from '../../../src/interop/istio/translate.ts';
import { loadDocument } from '../load-document.ts';

const services = { web: 8080, api: 9000, db: 5432 };

function object(kind: string, spec: object, name = 'x'): IstioObject {
  return { kind, metadata: { name }, spec };
}
const toWeb = [{ destination: { host: 'web.shop.svc.cluster.local' } }];

describe('Istio objects as mesh.yaml', () => {
  test('a VirtualService keeps its order and all that a rule can say', async () => {
    const { document, notes } = translateIstio([
      object('VirtualService', {
        hosts: ['web'],
        http: [
          {
            name: 'first',
            match: [
              {
                uri: { prefix: '/a' },
                headers: { 'x-a': { prefix: 'b' }, 'x-p': {} },
                withoutHeaders: { 'x-b': { exact: 'c' }, 'x-q': {} },
              },
              { method: { exact: 'POST' }, queryParams: { q: { regex: '[0-9]+' } }, port: 8080, sourceLabels: { app: 'api' } },
            ],
            route: toWeb,
            rewrite: { uri: '/b', authority: 'other' },
            timeout: '2s',
            retries: { attempts: 3, perTryTimeout: '1s', retryOn: 'gateway-error,503' },
            fault: { delay: { fixedDelay: '1s' }, abort: { grpcStatus: 'UNAVAILABLE', percentage: { value: 5 } } },
            mirror: { host: 'api' },
            headers: { request: { set: { ':authority': 'told' } } },
          },
          { route: toWeb },
        ],
      }),
    ]);
    assert.deepEqual(notes, []);
    const config = await loadDocument(document, services);
    const [first, second] = config.services.find(service => service.name === 'web')?.routes ?? [];
    assert.equal(second?.name, 'x[1]');
    assert.deepEqual(first?.matches[0]?.path, { kind: 'starts-with', value: '/a' });
    assert.deepEqual(
      first?.matches[0]?.headers.map(({ name, kind, not }) => `${name} ${kind}${not === true ? ' not' : ''}`),
      ['x-a prefix', 'x-b exact not', 'x-p present', 'x-q absent'],
    );
    assert.deepEqual(
      [first?.matches[1]?.methods, first?.matches[1]?.ports, first?.matches[1]?.from],
      [['POST'], [8080], ['api']],
    );
    // A percentage that is not given is none.
    assert.deepEqual(
      first?.faults?.map(fault => [fault.kind, fault.percent]),
      [
        ['delay', 0],
        ['abort', 5],
      ],
    );
    assert.deepEqual(first?.retry?.statusCodes, [503]);
    assert.equal(first?.mirrors?.[0]?.percent, 100);
  });

  test('a DestinationRule is the policy of its service', async () => {
    const { document } = translateIstio([
      object('DestinationRule', {
        host: 'web',
        trafficPolicy: {
          loadBalancer: { consistentHash: { httpCookie: { name: 'user', ttl: '1h' }, minimumRingSize: 2048 } },
          connectionPool: {
            tcp: { maxConnections: 10, connectTimeout: '1s' },
            http: { http1MaxPendingRequests: 5, h2UpgradePolicy: 'UPGRADE' },
          },
          outlierDetection: {},
        },
      }),
    ]);
    const config = await loadDocument(document, services);
    const web = config.services.find(service => service.name === 'web');
    assert.deepEqual([web?.balancer, web?.connectTimeoutMs, web?.upstreamProtocol], ['ring-hash', 1000, 'http2']);
    assert.deepEqual([web?.limits?.maxConnections, web?.limits?.maxPendingRequests], [10, 5]);
    assert.equal(web?.outliers?.consecutive5xx, 5);
    assert.equal(web?.hash?.minRingSize, 2048);
  });

  test('ServiceEntry and Gateway', async () => {
    const { document, notes } = translateIstio([
      object(
        'ServiceEntry',
        { hosts: ['api.stripe.test'], ports: [{ number: 443, protocol: 'HTTP' }], resolution: 'DNS' },
        'stripe',
      ),
      object(
        'DestinationRule',
        {
          host: 'api.stripe.test',
          trafficPolicy: { tls: { mode: 'SIMPLE' }, connectionPool: { tcp: { connectTimeout: '3s' } } },
        },
        'secure',
      ),
      object(
        'Gateway',
        {
          servers: [
            { port: { number: 8080, protocol: 'HTTP' }, hosts: ['*'], tls: { httpsRedirect: true } },
            { port: { number: 8443, protocol: 'HTTPS' }, hosts: ['shop.test'], tls: { mode: 'SIMPLE' } },
          ],
        },
        'gateway',
      ),
      object('VirtualService', { hosts: ['shop.test'], gateways: ['gateway'], http: [{ route: toWeb }] }, 'shop'),
    ]);
    const config = await loadDocument(document, services);
    const [stripe] = config.external ?? [];
    assert.deepEqual([stripe?.name, stripe?.hosts, stripe?.connectTimeoutMs], ['stripe', ['api.stripe.test'], 3000]);
    assert.notEqual(stripe?.tls, undefined);
    assert.deepEqual(
      config.gateways.map(({ name, httpsRedirectPort }) => [name, httpsRedirectPort ?? null]),
      [
        ['ingress-8080', 8443],
        ['ingress-8443', null],
      ],
    );
    assert.ok(notes.some(note => note.code === 'changed'));
  });

  test('what has no equivalent is told, and never widens a rule', () => {
    const { document, notes } = translateIstio(
      [
        object('VirtualService', {
          hosts: ['web'],
          http: [
            { match: [{ headers: { '@request.auth.claims.sub': { exact: 'a' } } }], route: toWeb },
            { match: [{ method: { prefix: 'P' } }], route: toWeb },
            { delegate: { name: 'other' } },
          ],
        }),
        object('Telemetry', {}),
        object('VirtualService', { hosts: ['nobody'], http: [] }),
      ],
      { service: host => (host.startsWith('web') ? 'web' : null) },
    );
    assert.deepEqual(document.routes, { web: [] });
    assert.equal(notes.length, 5);
  });
});
