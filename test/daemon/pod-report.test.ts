import assert from 'node:assert/strict';
import { test } from 'node:test';
import { awaitedPorts } from '../../src/daemon/pod-report.ts';
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
