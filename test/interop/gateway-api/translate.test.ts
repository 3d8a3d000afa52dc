import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { KubeObject } from '../../../src/interop/gateway-api/objects.ts';
import { translateGatewayApi } from '../../../src/interop/gateway-api/translate.ts';
import { loadDocument } from '../load-document.ts';

const services = { web: 8080, api: 9000, db: 5432 };

function gateway(...listeners: readonly object[]): KubeObject {
  return { kind: 'Gateway', metadata: { name: 'edge' }, spec: { listeners } };
}
function route(kind: string, spec: object, name = 'r'): KubeObject {
  return { kind, metadata: { name }, spec: { parentRefs: [{ name: 'edge' }], ...spec } };
}
const http = { name: 'http', port: 8000, protocol: 'HTTP' };
const web = [{ name: 'web', port: 8080 }];

describe('Gateway API objects as mesh.yaml', () => {
  test('rules stand in the order of their precedence', async () => {
    const match = (path: object, more = {}) => ({ matches: [{ path, ...more }], backendRefs: web });
    const rules = [
      match({ value: '/' }),
      match({ value: '/a' }),
      match({ value: '/a' }, { headers: [{ name: 'X-A', value: '1' }] }),
      match({ value: '/a' }, { method: 'GET' }),
      match({ value: '/abc' }),
      match({ type: 'Exact', value: '/a' }),
      match({ value: '/a' }, { queryParams: [{ name: 'q', value: '1' }] }),
    ];
    const { document, notes } = translateGatewayApi([gateway(http), route('HTTPRoute', { rules })]);
    assert.deepEqual(notes, []);
    assert.deepEqual(
      document.gateways?.edge?.routes?.map(rule => rule.name),
      [5, 4, 3, 2, 6, 1, 0].map(index => `r/${index}`),
    );
    const config = await loadDocument(document, services);
    assert.equal(config.gateways[0]?.routes.length, 7);
  });

  test('a request belongs to the most exact listener alone', () => {
    const wide = { ...http, name: 'wide' };
    const narrow = { ...http, name: 'narrow', hostname: '*.shop.test' };
    const to = (sectionName: string) => ({ parentRefs: [{ name: 'edge', sectionName }], rules: [{ backendRefs: web }] });
    const { document } = translateGatewayApi([
      gateway(wide, narrow),
      route('HTTPRoute', to('wide'), 'w'),
      route('HTTPRoute', to('narrow'), 'n'),
    ]);
    const rules = document.gateways?.edge?.routes ?? [];
    assert.deepEqual(
      rules.map(({ hosts, to, respond }) => [hosts, to ?? respond?.status]),
      [
        [['*.shop.test'], 'web:8080'],
        [['*.shop.test'], 404],
        [undefined, 'web:8080'],
      ],
    );
  });

  test('TLS, passthrough and TCP have gateways of their own kind', async () => {
    const { document, notes } = translateGatewayApi([
      gateway(
        { name: 'https', port: 8443, protocol: 'HTTPS' },
        { name: 'sni', port: 9443, protocol: 'TLS', tls: { mode: 'Passthrough' } },
        { name: 'db', port: 5432, protocol: 'TCP' },
        { name: 'udp', port: 53, protocol: 'UDP' },
      ),
      route('HTTPRoute', { rules: [{ backendRefs: web }] }),
      route('TLSRoute', { hostnames: ['api.shop.test'], rules: [{ backendRefs: [{ name: 'api', port: 9000 }] }] }),
      route('TCPRoute', {
        parentRefs: [{ name: 'edge', sectionName: 'db' }],
        rules: [{ backendRefs: [{ name: 'db', port: 5432 }] }],
      }),
    ]);
    const config = await loadDocument(document, services);
    assert.deepEqual(
      config.gateways.map(({ name, protocol, tls }) => [name, protocol, tls !== undefined]),
      [
        ['edge-5432', 'tcp', false],
        ['edge-8443', 'http', true],
        ['edge-9443', 'tls', false],
      ],
    );
    assert.deepEqual(
      notes.map(note => `${note.code} ${note.message}`),
      ['changed the certificate is issued by the CA of the mesh', 'no-equivalent listener udp (UDP, Terminate) is left out'],
    );
  });

  test('what is not there or not allowed answers 500, for its share', () => {
    const backendRefs = [
      { name: 'web', port: 8080, weight: 3 },
      { name: 'api', namespace: 'other', port: 9000, weight: 1 },
    ];
    const objects = [gateway(http), route('HTTPRoute', { rules: [{ backendRefs }] })];
    const first = translateGatewayApi(objects);
    assert.deepEqual(first.document.gateways?.edge?.routes, [
      { name: 'r/0', to: 'web:8080', fault: [{ abort: 500, percent: '25%' }], timeout: undefined },
    ]);
    assert.equal(first.notes[0]?.code, 'unknown-reference');
    const grant: KubeObject = {
      kind: 'ReferenceGrant',
      metadata: { name: 'g', namespace: 'other' },
      spec: {
        from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'default' }],
        to: [{ group: '', kind: 'Service' }],
      },
    };
    const second = translateGatewayApi([...objects, grant]);
    assert.deepEqual(second.document.gateways?.edge?.routes?.[0]?.split, { 'web:8080': 3, 'api:9000': 1 });
    assert.deepEqual(second.notes, []);
  });

  test('what has no equivalent is told', () => {
    const rules = [{ filters: [{ type: 'ExtensionRef' }], backendRefs: web }];
    const { notes } = translateGatewayApi([
      gateway(http),
      route('HTTPRoute', { rules }),
      route('HTTPRoute', { parentRefs: [{ name: 'nowhere' }] }, 'lost'),
      { kind: 'UDPRoute', metadata: { name: 'u' }, spec: {} },
    ]);
    assert.deepEqual(
      notes.map(({ object, message }) => `${object}: ${message}`),
      [
        'UDPRoute default/u: objects of this kind are left out',
        'HTTPRoute default/lost: no listener of Gateway nowhere takes the route',
        'HTTPRoute default/r: the filter ExtensionRef is left out',
      ],
    );
  });
});
