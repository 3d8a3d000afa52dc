import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { load } from '../../src/config/load.ts';
import { compile } from '../../src/control/compile/compile.ts';
import { emptyRegistry, observe, workloadsOf } from '../../src/control/registry.ts';
import { loadCompose } from '../../src/interop/compose/load-compose.ts';
import { decodeSnapshot } from '../../src/snapshot/decode.ts';
import { pod } from './mesh-builder.ts';

const root = join(import.meta.dirname, '../..');

test('the bookshop of the repository, from its mesh.yaml to snapshots that sidecars take', async () => {
  const { config, diagnostics } = await load({
    file: join(root, 'mesh.yaml'),
    env: {},
    profiles: [],
    project: null,
    composeLoader: loadCompose,
  });
  assert.ok(config !== null, JSON.stringify(diagnostics));
  let last = 2;
  const pods = [
    ...config.services.flatMap(service => service.versions.map(version => pod(service.name, version.name, last++))),
    ...config.gateways.map(gateway => pod(gateway.name, '', last++, { kind: 'gateway' })),
  ];
  const workloads = workloadsOf(observe(emptyRegistry, { kind: 'pods', pods }));
  const { snapshots } = compile({ config, workloads, addresses: new Map() });
  assert.equal(snapshots.size, pods.length);
  for (const snapshot of snapshots.values()) assert.deepEqual(decodeSnapshot(JSON.parse(JSON.stringify(snapshot))), snapshot);

  const storefront = snapshots.get('storefront-1');
  const reviews = storefront?.routeTables.find(table => table.name === 'reviews:9080')?.virtualHosts[0]?.rules;
  assert.deepEqual(
    reviews?.map(({ action }) =>
      (action.kind === 'forward' ? action.split : []).map(({ cluster, weight }) => `${cluster} ${weight}`),
    ),
    [['outbound|9080|v2|reviews 1'], ['outbound|9080|v1|reviews 90', 'outbound|9080|v3|reviews 10']],
  );
  assert.deepEqual(
    snapshots.get('web-1')?.clusters.map(cluster => cluster.service),
    ['storefront'],
  );
  for (const name of ['reviews', 'reviews-v2', 'redis'])
    assert.ok(
      storefront?.dns.some(record => record.name === name),
      name,
    );
});
