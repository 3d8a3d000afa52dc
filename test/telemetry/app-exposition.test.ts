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

test('what Prometheus would refuse a whole scrape for is left out', () => {
  const lines = [
    'x{a="1",a="2"} 1',
    'x{__name__="istio_requests_total"} 1',
    'x 1x',
    'x 1 1.5',
    'x{a="\u0000"} 1',
    'x 0x',
    '# TYPE x wheel',
  ];
  assert.deepEqual(appExposition(`${lines.join('\n')}\n# TYPE x\nx +Inf 17\n`), { text: 'x +Inf 17\n', dropped: 8 });
});

test('four megabytes in one line are read, or not, and nothing breaks', () => {
  for (const label of ['x'.repeat(4_000_000), '\\\\'.repeat(1_000_000)])
    assert.equal(appExposition(`a{b="${label}"} 1\n`).dropped, 0);
});
