import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { load } from '../../src/config/load.ts';
import { compile } from '../../src/control/compile/compile.ts';
import { emptyRegistry, observe, workloadsOf } from '../../src/control/registry.ts';
import { compareConfigs } from '../../src/daemon/config-change.ts';
import { loadCompose } from '../../src/interop/compose/load-compose.ts';
import { pod } from './mesh-builder.ts';

const file = join(import.meta.dirname, '../golden/config/access-log/mesh.yaml');

test('each sidecar gets the access log of its service, and a change touches no container', async () => {
  const { config } = await load({ file, env: {}, profiles: [], project: null, composeLoader: loadCompose });
  assert.ok(config !== null);
  const pods = config.services.map(({ name }, i) => pod(name, '', i + 2));
  const workloads = workloadsOf(observe(emptyRegistry, { kind: 'pods', pods }));
  const { snapshots } = compile({ config, workloads, addresses: new Map() });
  const logs = [...snapshots.values()].map(({ service, accessLog, accessLogFilter }) => [service, accessLog, accessLogFilter]);
  assert.deepEqual(logs, [
    ['lines', 'text', undefined],
    ['picky', 'json', 'method == POST and not path startsWith /health'],
    ['quiet', 'off', undefined],
    ['web', 'json', 'status >= 400 or duration > 500ms'],
  ]);
  const louder = { ...config, proxy: { ...config.proxy, accessLogFilter: 'status >= 200' } };
  assert.equal(compareConfigs(config, louder).kind, 'routing');
  const own = { accessLog: 'text' } as const;
  const services = config.services.map(service => (service.name === 'web' ? { ...service, accessLog: own } : service));
  assert.deepEqual(compareConfigs(config, { ...config, services }), { kind: 'routing', text: '1 policy changed' });
});
