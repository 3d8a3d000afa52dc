import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { afterTest, serving } from '../support/after-test.ts';
import { createTestCa } from '../support/test-ca.ts';
import { TestDaemon } from '../support/test-daemon.ts';
import { snapshotOf, startOnLoopback } from './sidecar-fixture.ts';

const ca = createTestCa(Date.now());

test('the host scrapes a sidecar and the app beside it as one', async () => {
  const port = await serving(createServer((_, response) => void response.end('orders_total 7\n')));
  const { sidecar } = await startOnLoopback('reviews', ca, () => null, { hostAddress: '127.0.0.1' });
  afterTest(() => sidecar.drain(0));
  const url = `http://127.0.0.1:${sidecar.ports.stats}/stats/prometheus`;
  assert.match(await (await fetch(url)).text(), /^mesh_process_resident_memory_bytes \d+$/m, 'also before its first snapshot');

  const daemon = await TestDaemon.dial(sidecar.ports.control, ca);
  afterTest(() => daemon[Symbol.dispose]());
  const snapshot = snapshotOf('reviews', { version: '1', appMetrics: { port, path: '/metrics' } });
  assert.deepEqual(await daemon.push(snapshot), { kind: 'ack', version: '1' });
  const text = await (await fetch(url)).text();
  assert.match(text, /^mesh_config_info\{version="1"\} 1$/m);
  assert.match(text, /^orders_total 7$/m);
  assert.match(text, /^mesh_app_metrics_up 1$/m);
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  assert.deepEqual(names, [...new Set(names)], 'each family stands once');
});

test('nobody scrapes a pod that does not know its host', async () => {
  const { sidecar } = await startOnLoopback('reviews', ca, () => null);
  afterTest(() => sidecar.drain(0));
  await assert.rejects(fetch(`http://127.0.0.1:${sidecar.ports.stats}/stats/prometheus`));
});
