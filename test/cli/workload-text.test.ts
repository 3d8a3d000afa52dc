import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerStatus, WorkloadStatus } from '../../src/api/types.ts';
import { Output } from '../../src/cli/output.ts';
import { missingOf, stateOf } from '../../src/cli/workload-text.ts';

const sink = { isTTY: false, columns: 80, write: () => true };
const output = new Output(sink, sink, { stdout: false, stderr: false });

function container(state: string, health: ContainerStatus['health'] = 'none', exitCode: number | null = null): ContainerStatus {
  return { id: 'i', name: 'n', image: 'm', state, health, exitCode, oomKilled: false, startedAt: '' };
}

const up = container('running');
const proxy = {
  state: 'SYNCED',
  connected: true,
  acked: 'a',
  sent: 'a',
  reason: '',
  listening: [80],
  svidExpiresAtMs: null,
  svidLate: 0,
} as const;
const web: WorkloadStatus = {
  name: 'web-1',
  service: 'web',
  version: '',
  kind: 'service',
  replica: 1,
  address: '172.18.0.2',
  app: up,
  sidecar: up,
  pause: up,
  ports: [80],
  proxy,
};
const silent = { ...proxy, listening: [] };

const cases: readonly (readonly [what: string, workload: Partial<WorkloadStatus>, state: string, missing: string | null])[] = [
  ['an app that listens', {}, 'running', null],
  ['an app that listens on no port of its own', { proxy: silent }, 'starting', 'nothing listens on port 80'],
  ['two ports and none open', { proxy: silent, ports: [80, 81] }, 'starting', 'nothing listens on port 80 or 81'],
  ['a service without ports', { proxy: silent, ports: [] }, 'running', null],
  [
    'a sidecar that cannot be asked',
    { proxy: { ...silent, connected: false, state: 'DISCONNECTED' } },
    'running',
    'its sidecar is disconnected',
  ],
  ['no daemon', { proxy: null, ports: [] }, 'running', null],
  ['a check that is open', { app: container('running', 'starting') }, 'running (starting)', 'its health check is still starting'],
  [
    'a check that fails, of an app that does not listen',
    { app: container('running', 'unhealthy'), proxy: silent },
    'running (unhealthy)',
    'its health check fails',
  ],
  ['an app that waits for another', { app: container('created'), proxy: silent }, 'created', 'its app was not started yet'],
  ['an app that ended', { app: container('exited', 'none', 0), proxy: silent }, 'exited (0)', null],
  ['a job that ended with its pod', { app: container('exited', 'none', 0), pause: container('exited') }, 'pod exited', null],
  ['a gateway', { kind: 'gateway', app: null, ports: [], proxy: silent }, 'running', null],
  ['no sidecar', { sidecar: null, proxy: null }, 'no sidecar', 'its sidecar is not made yet'],
];
for (const [what, change, state, missing] of cases)
  test(`${what}: ${state}`, () => {
    const workload = { ...web, ...change };
    assert.equal(stateOf(workload, output), state);
    assert.equal(missingOf(workload), missing === null ? null : `web-1: ${missing}`);
  });
