import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareConfigs } from '../../src/daemon/config-change.ts';
import { type MeshShort, mesh } from '../control/mesh-builder.ts';

const plain: MeshShort = { services: { reviews: {}, web: {} } };

function change(services: NonNullable<MeshShort['services']>): { readonly kind: string; readonly text: string } {
  return compareConfigs(mesh(plain), mesh({ services: { ...plain.services, ...services } }));
}

test('the same is no change', () => {
  assert.deepEqual(change({}), { kind: 'none', text: '' });
});

test('how a service is called changes no container', () => {
  assert.deepEqual(change({ reviews: { balancer: 'random' } }), { kind: 'routing', text: '1 policy changed' });
  assert.deepEqual(change({ reviews: { limits: { maxRequests: 1 } }, web: { ports: [{ port: 9080, protocol: 'tcp' }] } }), {
    kind: 'routing',
    text: '2 policies changed',
  });
});

test('another account or namespace is another container, another mode is not', () => {
  assert.deepEqual(change({ reviews: { account: 'bookinfo' } }), { kind: 'services', text: '1 service changed' });
  assert.deepEqual(change({ reviews: { namespace: 'shop' } }), { kind: 'services', text: '1 service changed' });
  assert.deepEqual(change({ reviews: { mtls: 'permissive' } }), { kind: 'routing', text: 'mTLS changed' });
  const ports = [{ port: 9080, mode: 'disabled' as const }];
  assert.deepEqual(change({ reviews: { mtlsPorts: ports } }), { kind: 'routing', text: 'mTLS changed' });
});

test('a rule is no policy, and a new service is told once', () => {
  assert.deepEqual(change({ reviews: { routes: [{ split: [{ service: 'web' }] }] } }), {
    kind: 'routing',
    text: '1 route changed',
  });
  assert.deepEqual(change({ api: {} }), { kind: 'services', text: '1 service changed' });
});

test('settings of the whole mesh are named', () => {
  const after = { ...mesh(plain), seed: 42, egress: 'registry-only', metrics: { scrapers: ['web'] } } as const;
  assert.deepEqual(compareConfigs(mesh(plain), after), { kind: 'routing', text: 'egress, scrapers, the seed changed' });
});
