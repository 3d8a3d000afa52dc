import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { MeshConfig } from '../../src/config/mesh-config.ts';
import { compile } from '../../src/control/compile/compile.ts';
import { emptyRegistry, observe, workloadsOf } from '../../src/control/registry.ts';
import { decodeSnapshot } from '../../src/snapshot/decode.ts';
import type { Snapshot } from '../../src/snapshot/snapshot.ts';
import { pod } from './mesh-builder.ts';

const golden = join(import.meta.dirname, '../golden/config/edge');

/** The configuration that mesh.yaml of the golden `edge` comes to. */
function compiled(): ReadonlyMap<string, Snapshot> {
  const config = JSON.parse(readFileSync(join(golden, 'config.json'), 'utf8')) as MeshConfig;
  const gateways = config.gateways.map(({ name }, index) => pod(name, '', 20 + index, { kind: 'gateway' }));
  const pods = [...config.services.map(({ name }, index) => pod(name, '', 2 + index)), ...gateways];
  const workloads = workloadsOf(observe(emptyRegistry, { kind: 'pods', pods }));
  return compile({ config, workloads, addresses: new Map() }).snapshots;
}

test('golden edge: what sidecars and gateways get of gateways with TLS and of external services', () => {
  const snapshots = compiled();
  for (const snapshot of snapshots.values()) assert.deepEqual(decodeSnapshot(JSON.parse(JSON.stringify(snapshot))), snapshot);
  const kept = Object.fromEntries(
    [...snapshots].filter(([name]) => name === 'shop-1' || !['postgres-1', 'vault-1'].includes(name)),
  );
  const text = `${JSON.stringify(kept, null, 2)}\n`;
  const file = join(import.meta.dirname, '../golden/edges/snapshots.json');
  if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(file, text);
  assert.equal(text, readFileSync(file, 'utf8'));
});

test('what gateways say of their clients is believed where they read what they pass on', () => {
  const config = JSON.parse(readFileSync(join(golden, 'config.json'), 'utf8')) as MeshConfig;
  const [some] = config.gateways;
  const [service] = config.services;
  assert.ok(some !== undefined && service !== undefined);
  const gateway = (name: string, protocol: 'http' | 'tcp' | 'tls', port: number) => ({ ...some, name, protocol, port });
  const gateways = [
    gateway('web', 'http', 8080),
    gateway('raw', 'tcp', 8081),
    gateway('sni', 'tls', 8082),
    gateway('own', 'http', 8083),
  ];
  const services = [{ ...service, account: 'own' }];
  const pods = [pod(service.name, '', 2), pod('web', '', 3, { kind: 'gateway' })];
  const workloads = workloadsOf(observe(emptyRegistry, { kind: 'pods', pods }));
  const { snapshots } = compile({ config: { ...config, gateways, services }, workloads, addresses: new Map() });
  // `own` may be the service: nobody can tell them apart.
  assert.deepEqual(snapshots.get(`${service.name}-1`)?.edges, [`spiffe://${config.trustDomain}/ns/${config.namespace}/sa/web`]);
  assert.equal(snapshots.get('web-1')?.edges, undefined);
});

test('an external service: a virtual address for each host, its short name for the first, TLS by its host', () => {
  const shop = compiled().get('shop-1');
  const address = (name: string): string | undefined => shop?.dns.find(record => record.name === name)?.address;
  assert.equal(address('stripe'), address('api.stripe.com'));
  assert.equal(address('stripe.mesh'), address('api.stripe.com'));
  assert.notEqual(address('eu.stripe.com'), address('api.stripe.com'));
  const listeners = shop?.outbound.filter(listener => listener.address === address('eu.stripe.com'));
  assert.deepEqual(
    listeners?.map(({ port, protocol }) => [port, protocol]),
    [
      [80, 'http'],
      [443, 'http'],
    ],
  );
  const cluster = shop?.clusters.find(one => one.name === 'outbound|443|eu.stripe.com|stripe');
  assert.deepEqual(cluster?.endpoints, [{ workload: 'stripe', address: 'eu.stripe.com', port: 443, tls: 'tls' }]);
  assert.equal(cluster?.tls?.serverName, 'eu.stripe.com');
  assert.equal(cluster?.resolution, 'dns');
  const table = shop?.routeTables.find(one => one.name === 'stripe:443');
  assert.deepEqual(
    table?.virtualHosts.map(host => [
      host.domains,
      host.rules.map(rule => rule.action.kind === 'forward' && rule.action.rewrite?.host),
    ]),
    [
      [
        ['stripe', 'stripe.mesh'],
        ['api.stripe.com', 'api.stripe.com'],
      ],
      [['*'], [undefined, undefined]],
    ],
  );
});

test('an external service with addresses is met by name and by address; one with a wildcard is told by its port', () => {
  const shop = compiled().get('shop-1');
  const vip = shop?.dns.find(record => record.name === 'legacy.corp')?.address;
  assert.deepEqual(
    shop?.outbound.filter(listener => listener.service === 'legacy').map(({ address, port }) => `${address}:${port}`),
    ['10.1.2.3:1521', '10.1.2.4:1521', `${vip}:1521`],
  );
  assert.deepEqual(shop?.wildcards, [
    {
      service: 'partner',
      port: 443,
      protocol: 'tls',
      hosts: ['*.partner.com'],
      routeTable: '',
      tcp: [{ cluster: 'outbound|443|*|partner', weight: 1 }],
    },
  ]);
  assert.equal(shop?.clusters.find(one => one.name === 'outbound|443|*|partner')?.resolution, 'original');
});
