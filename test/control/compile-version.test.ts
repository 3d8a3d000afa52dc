import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compile } from '../../src/control/compile/compile.ts';
import { emptyRegistry, observe, type PodView, workloadsOf } from '../../src/control/registry.ts';
import type { Snapshot } from '../../src/snapshot/snapshot.ts';
import { type MeshShort, mesh, pod } from './mesh-builder.ts';

const base: MeshShort = { services: { a: {}, b: { versions: { v1: 'b-v1', v2: 'b-v2' } } } };
const running: readonly PodView[] = [pod('a', '', 2), pod('b', 'v1', 3), pod('b', 'v2', 4)];

function compiled(short: MeshShort = base, pods = running): ReadonlyMap<string, Snapshot> {
  const workloads = workloadsOf(observe(emptyRegistry, { kind: 'pods', pods }));
  return compile({ config: mesh(short), workloads, addresses: new Map() }).snapshots;
}

const versions = (snapshots: ReadonlyMap<string, Snapshot>) => [...snapshots.values()].map(snapshot => snapshot.version);

test('the same input in another order gives the same bytes', () => {
  const turned = compiled({ services: { b: base.services?.['b'] ?? {}, a: {} } }, [...running].reverse());
  assert.equal(JSON.stringify([...turned]), JSON.stringify([...compiled()]));
});

test('no two workloads share a version', () => {
  assert.equal(new Set(versions(compiled())).size, running.length);
});

const route = { split: [{ service: 'b', version: 'v1' }] };
const changes: readonly [string, MeshShort, readonly PodView[]][] = [
  ['a route', { services: { ...base.services, b: { ...base.services?.['b'], routes: [route] } } }, running],
  ['a service', { services: { ...base.services, c: {} } }, running],
  ['egress', { ...base, egress: 'registry-only' }, running],
  ['an endpoint', base, [pod('a', '', 2), pod('b', 'v1', 9), pod('b', 'v2', 4)]],
];
for (const [what, short, pods] of changes) {
  test(`another ${what} is another version for everybody who sees it`, () => {
    const before = new Set(versions(compiled()));
    for (const version of versions(compiled(short, pods))) assert.ok(!before.has(version));
  });
}

test('access rules change the version of the protected workload only', () => {
  const before = compiled();
  const after = compiled({ ...base, access: { rules: [{ from: ['b'], to: ['a'] }] } });
  assert.notEqual(after.get('a-1')?.version, before.get('a-1')?.version);
  assert.equal(after.get('b-v1-1')?.version, before.get('b-v1-1')?.version);
});
