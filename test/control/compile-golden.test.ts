import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { MeshConfig } from '../../src/config/mesh-config.ts';
import { compile } from '../../src/control/compile/compile.ts';
import type { LiveFault } from '../../src/control/live-fault.ts';
import { emptyRegistry, observe, type PodView, type RegistryState, workloadsOf } from '../../src/control/registry.ts';
import { loadMesh } from '../../src/interop/load-mesh.ts';
import type { AppState } from '../../src/snapshot/channel.ts';
import { decodeSnapshot } from '../../src/snapshot/decode.ts';
import type { TokenIssuer } from '../../src/snapshot/token-policy.ts';
import { type MeshShort, mesh } from './mesh-builder.ts';

interface Case {
  /** Absent: the folder has a mesh.yaml. */
  readonly mesh?: MeshShort;
  readonly pods: readonly (Partial<PodView> & { readonly workload: string; readonly service: string })[];
  readonly apps?: Readonly<Record<string, readonly AppState[]>>;
  readonly faults?: readonly LiveFault[];
  /** Fetched, by URL. */
  readonly keys?: Readonly<Record<string, TokenIssuer['keys']>>;
}

/** The canonical configuration of a case. */
async function configOf(name: string, short: MeshShort | undefined): Promise<MeshConfig> {
  if (short !== undefined) return mesh(short);
  const { config, diagnostics } = await loadMesh({ file: join(folder, name, 'mesh.yaml'), env: {}, profiles: [], project: null });
  assert.ok(config !== null, JSON.stringify(diagnostics));
  return config;
}

const folder = join(import.meta.dirname, '../golden/compile');

function registryOf(input: Case): RegistryState {
  const pods = input.pods.map(
    (pod): PodView => ({
      version: '',
      kind: 'sidecar',
      address: null,
      controlPort: null,
      app: 'running',
      health: 'none',
      ...pod,
    }),
  );
  const apps = Object.entries(input.apps ?? {}).map(([workload, states]) => ({ kind: 'apps' as const, workload, apps: states }));
  return [{ kind: 'pods' as const, pods }, ...apps].reduce(observe, emptyRegistry);
}

for (const name of readdirSync(folder).filter(entry => entry !== 'README.md')) {
  test(`golden ${name}`, async () => {
    assert.deepEqual(
      readdirSync(join(folder, name)).filter(file => !['input.json', 'mesh.yaml', 'snapshots.json'].includes(file)),
      [],
    );
    const input = JSON.parse(readFileSync(join(folder, name, 'input.json'), 'utf8')) as Case;
    const workloads = workloadsOf(registryOf(input));
    const config = await configOf(name, input.mesh);
    const issuerKeys = new Map(Object.entries(input.keys ?? {}));
    const { snapshots } = compile({ config, workloads, addresses: new Map(), faults: input.faults ?? [], issuerKeys });

    for (const snapshot of snapshots.values()) {
      assert.deepEqual(decodeSnapshot(JSON.parse(JSON.stringify(snapshot))), snapshot, 'the sidecar takes it');
    }
    const text = `${JSON.stringify(Object.fromEntries(snapshots), null, 2)}\n`;
    const file = join(folder, name, 'snapshots.json');
    if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(file, text);
    assert.equal(text, readFileSync(file, 'utf8'));
  });
}
