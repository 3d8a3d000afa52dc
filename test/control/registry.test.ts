import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyRegistry, observe, type PodView, Registry, type RegistryChange, workloadsOf } from '../../src/control/registry.ts';
import { pod } from './mesh-builder.ts';

const pods = (rest: Partial<PodView>): RegistryChange => ({ kind: 'pods', pods: [pod('a', '', 2, rest)] });
const apps = (...listening: number[]): RegistryChange => ({
  kind: 'apps',
  workload: 'a-1',
  apps: listening.map(port => ({ port, listening: true })),
});
const app = (port: number, listening: boolean): RegistryChange => ({ kind: 'app', workload: 'a-1', app: { port, listening } });

const cases: readonly [string, readonly RegistryChange[], string][] = [
  ['a pod without an address is gone', [pods({ address: null })], 'gone'],
  ['an app container that is not there yet', [pods({ app: 'absent' })], 'starting'],
  ['an app that runs beside a sidecar not heard yet (the daemon came back)', [pods({})], 'ready'],
  ['an app that runs and does not listen', [pods({}), apps()], 'starting'],
  ['an app that listens', [pods({}), apps(9080)], 'ready'],
  ['heard before the listing shows the pod', [apps(9080), pods({})], 'ready'],
  ['a port that opens', [pods({}), apps(), app(9080, true)], 'ready'],
  ['a port that closes', [pods({}), apps(9080), app(9080, false)], 'starting'],
  ['one of two ports closes', [pods({}), apps(9080, 9090), app(9080, false)], 'ready'],
  ['a health check that has not run', [pods({ health: 'starting' }), apps(9080)], 'starting'],
  ['a health check that passes', [pods({ health: 'healthy' }), apps(9080)], 'ready'],
  ['a health check that fails', [pods({ health: 'unhealthy' }), apps(9080)], 'unhealthy'],
  ['a healthy app that does not listen', [pods({ health: 'healthy' }), apps()], 'starting'],
  ['an app that stopped', [pods({}), apps(9080), pods({ app: 'stopped' })], 'starting'],
  ['a listing that says nothing new', [pods({}), apps(), pods({})], 'starting'],
  ['another address: what was known no longer holds', [pods({}), apps(), pods({ address: '172.18.0.9' })], 'ready'],
  ['a gateway that runs', [pods({ kind: 'gateway', app: 'absent' })], 'ready'],
];
for (const [what, observations, state] of cases) {
  test(`${what}: ${state}`, () => {
    assert.equal(workloadsOf(observations.reduce(observe, emptyRegistry))[0]?.state, state);
  });
}

test('a change is told once, and only when something is different', () => {
  let changes = 0;
  const registry = new Registry(() => changes++);
  for (const observation of [pods({}), pods({}), apps(9080), apps(9080), app(9080, true), app(9090, false)])
    registry.observe(observation);
  assert.equal(changes, 2);
  registry.observe({ kind: 'pods', pods: [] });
  assert.equal(changes, 3);
  assert.deepEqual(registry.workloads, []);
});
