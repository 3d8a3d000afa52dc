import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compile } from '../../src/control/compile/compile.ts';
import { emptyRegistry, observe, type PodView, workloadsOf } from '../../src/control/registry.ts';
import { decodeSnapshot } from '../../src/snapshot/decode.ts';
import { mesh, pod } from './mesh-builder.ts';

const base = mesh({ services: { a: {}, b: { versions: { v1: 'b-v1', v2: 'b-v2' } } } });
const config = {
  ...base,
  services: base.services.map(one => (one.name === 'a' ? { ...one, metrics: { port: 9100, path: '/m?x=1' } } : one)),
};
const pods: readonly PodView[] = [pod('b', 'v2', 4), pod('a', '', 2), pod('b', 'v1', 3)];

function compiled(running: readonly PodView[]): ReturnType<typeof compile>['snapshots'] {
  return compile({
    config,
    workloads: workloadsOf(observe(emptyRegistry, { kind: 'pods', pods: running })),
    addresses: new Map(),
  }).snapshots;
}

test('whoever is called knows every pod, and callers the versions of endpoints', () => {
  const snapshot = compiled(pods).get('a-1');
  assert.deepEqual(
    snapshot?.peers?.map(({ workload, service, version }) => [workload, service, version]),
    [
      ['a-1', 'a', ''],
      ['b-v1-1', 'b', 'v1'],
      ['b-v2-1', 'b', 'v2'],
    ],
  );
  assert.match(snapshot.peers?.[1]?.identity ?? '', /\/sa\/b$/);
  const versions = snapshot.clusters.find(one => one.service === 'b' && one.subset === '')?.endpoints.map(one => one.version);
  assert.deepEqual(versions, ['v1', 'v2']);
});

test('a pod that comes is another version for those who are called', () => {
  const before = compiled(pods.slice(0, 2)).get('a-1')?.version;
  assert.notEqual(compiled(pods).get('a-1')?.version, before);
});

test('where an app has its own metrics is told to its sidecar only', () => {
  const snapshots = compiled(pods);
  const own = snapshots.get('a-1');
  assert.deepEqual(own?.appMetrics, { port: 9100, path: '/m?x=1' });
  assert.deepEqual(decodeSnapshot(JSON.parse(JSON.stringify(own))), own);
  assert.equal(snapshots.get('b-v1-1')?.appMetrics, undefined);
});

test('scrapers are known to all by address, and know all', () => {
  const { snapshots } = compile({
    config: {
      ...mesh({ services: { a: {}, agent: { ports: [] } }, gateways: { edge: { port: 8080, routes: [] } } }),
      metrics: { scrapers: ['agent'] },
    },
    workloads: workloadsOf(
      observe(emptyRegistry, {
        kind: 'pods',
        pods: [pod('a', '', 2), pod('agent', '', 3), { ...pod('edge', '', 4), kind: 'gateway' }],
      }),
    ),
    addresses: new Map(),
  });
  for (const name of ['a-1', 'agent-1', 'edge-1']) {
    const snapshot = snapshots.get(name);
    assert.deepEqual(snapshot?.scrapers, ['172.18.0.3'], name);
    assert.equal(snapshot.scrapes, name === 'agent-1' ? true : undefined);
    assert.deepEqual(decodeSnapshot(JSON.parse(JSON.stringify(snapshot))), snapshot);
  }
  // It has no port that anybody calls, and is told of them all the same.
  assert.deepEqual(
    snapshots.get('agent-1')?.peers?.map(peer => peer.workload),
    ['a-1', 'agent-1', 'edge-1'],
  );
});

test('without scrapers nobody hears of any', () => {
  const snapshots = [...compiled(pods).values()];
  assert.equal(snapshots.length, pods.length);
  for (const snapshot of snapshots) assert.deepEqual([snapshot.scrapers, snapshot.scrapes], [undefined, undefined]);
});
