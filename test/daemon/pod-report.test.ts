import assert from 'node:assert/strict';
import { test } from 'node:test';
import { awaitedPorts, noticeable } from '../../src/daemon/pod-report.ts';
import type { ObservedPod } from '../../src/runtime/runtime.ts';
import { gatewayConfig, meshConfig, oneContainer } from '../runtime/configs.ts';

function pod(service: string, kind: ObservedPod['kind'] = 'service'): ObservedPod {
  const nothing = { pause: null, sidecar: null, app: null, address: null, controlPort: null };
  return { workload: `${service}-1`, service, version: '', kind, replica: 1, ...nothing };
}

test('ports that are waited for are those that somebody wrote down', () => {
  const web = oneContainer('web', 'a:1', 80);
  const exposed = web.ports.map(port => ({ ...port, port: 9000, exposed: true as const }));
  const config = meshConfig([{ ...web, ports: [...web.ports, ...exposed] }, oneContainer('job', 'a:1', null)], {
    gateways: [gatewayConfig('web', 8080)],
  });
  assert.deepEqual(awaitedPorts(config, pod('web')), [80]);
  assert.deepEqual(awaitedPorts(config, pod('job')), []);
  assert.deepEqual(awaitedPorts(config, pod('web', 'gateway')), []);
  assert.deepEqual(awaitedPorts(config, pod('gone')), []);
});

test('what ended or was started again between two looks is told; a pod that was made anew is not', () => {
  const container = (id: string, startedAt: string, state: 'running' | 'exited' = 'running') =>
    ({
      id,
      name: id,
      image: 'x',
      state,
      health: 'none',
      exitCode: state === 'exited' ? 137 : null,
      oomKilled: false,
      startedAt,
    }) as const;
  const withSidecar = (sidecar: ReturnType<typeof container>): ObservedPod => ({
    ...pod('web'),
    sidecar: { ...sidecar } as never,
  });
  const before = [withSidecar(container('s1', '10:00'))];
  assert.deepEqual(noticeable(before, [withSidecar(container('s1', '10:05'))]), [
    { workload: 'web-1', text: 'sidecar was restarted' },
  ]);
  assert.deepEqual(noticeable(before, [withSidecar(container('s1', '10:00', 'exited'))]), [
    { workload: 'web-1', text: 'sidecar ended (exit code 137)' },
  ]);
  assert.deepEqual(noticeable(before, [withSidecar(container('s2', '10:05'))]), []);
  assert.deepEqual(noticeable(before, before), []);
});
