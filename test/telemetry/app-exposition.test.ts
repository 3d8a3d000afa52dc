import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appExposition } from '../../src/telemetry/app-exposition.ts';

test('an app’s metrics stay as they are', () => {
  const text = [
    '# HELP http_requests_total Requests.',
    '# TYPE http_requests_total counter',
    'http_requests_total{path="/a b",quote="\\"}{"} 3',
    'http_requests_total{path="/",} 4 1700000000000',
    'process_cpu_seconds_total 1.5e-3',
    'up NaN',
    '',
  ].join('\n');
  assert.deepEqual(appExposition(text), { text, dropped: 0 });
  assert.deepEqual(appExposition(text.replaceAll('\n', '\r\n')), { text, dropped: 0 });
});

test('an app does not speak under the mesh’s names', () => {
  const forged = 'istio_requests_total{reporter="source"} 1\n# TYPE envoy_x counter\nmesh_svid_expiry_seconds 0\n';
  assert.deepEqual(appExposition(`${forged}own 1\n`), { text: 'own 1\n', dropped: 3 });
});

test('what is no metric is left out, so that the rest can be read', () => {
  const garbage = '<html>\nnope\nx{y=z} 1\nx{y="z" 1\nx 1 2 3\n{} 1\nx{a="b"}\n\u0000\u0001\nx{a="1"} 1 # exemplar\n';
  assert.deepEqual(appExposition(`${garbage}# EOF\n# by hand\n`), { text: '', dropped: 9 });
});

test('a megabyte that almost matches takes no time', () => {
  const { dropped } = appExposition(`x{${'a="b",'.repeat(200_000)}!} 1\nx{a="${'\\\\'.repeat(500_000)}`);
  assert.equal(dropped, 2);
});
