import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import type { Snapshot } from '../../src/snapshot/snapshot.ts';
import { afterTest, serving } from '../support/after-test.ts';
import { eventually } from '../support/eventually.ts';
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

test("a scraper's sidecar tells it the targets, for as long as it is one", async () => {
  const { sidecar } = await startOnLoopback('prometheus', ca, () => null);
  afterTest(() => sidecar.drain(0));
  const url = `http://127.0.0.1:${sidecar.ports.stats}/targets`;
  await assert.rejects(fetch(url), 'before its first snapshot');
  const daemon = await TestDaemon.dial(sidecar.ports.control, ca);
  afterTest(() => daemon[Symbol.dispose]());
  const peer = {
    address: '10.0.0.2',
    workload: 'web-1',
    service: 'web',
    version: '',
    identity: 'spiffe://bookshop.local/ns/default/sa/web',
  };
  const scraper = { mesh: 'shop', peers: [peer], scrapers: ['10.0.0.9'], scrapes: true } as const;
  await daemon.push(snapshotOf('prometheus', { version: '1', ...scraper }));
  const [entry] = (await (await fetch(url)).json()) as { targets: string[]; labels: Record<string, string> }[];
  assert.deepEqual([entry?.targets, entry?.labels['workload'], entry?.labels['mesh']], [['10.0.0.2:15020'], 'web-1', 'shop']);
  await daemon.push(snapshotOf('prometheus', { version: '2', peers: [peer], scrapers: ['10.0.0.9'] }));
  await assert.rejects(fetch(url));
});

test("the daemon's own metrics come over its channel, to a scraper alone, and not without it", async () => {
  const { sidecar } = await startOnLoopback('prometheus', ca, () => null);
  afterTest(() => sidecar.drain(0));
  const url = `http://127.0.0.1:${sidecar.ports.stats}/daemon/metrics`;
  const daemon = await TestDaemon.dial(sidecar.ports.control, ca);
  await daemon.push(snapshotOf('prometheus', { version: '1', scrapers: ['127.0.0.9'] }));
  assert.equal(await status('127.0.0.9', sidecar.ports.stats, '/daemon/metrics'), 404, 'by way of another sidecar');
  await daemon.push(snapshotOf('prometheus', { version: '2', scrapes: true }));
  const both = [fetch(url), fetch(url)];
  await daemon.expect('scrape');
  daemon.send({ kind: 'daemon-metrics', text: 'mesh_workloads 3\n' });
  for (const one of both) assert.equal(await (await one).text(), 'mesh_workloads 3\n');
  assert.equal(daemon.messages.filter(({ kind }) => kind === 'scrape').length, 1, 'one question for all who ask at once');
  const unanswered = fetch(url);
  await eventually(() => assert.equal(daemon.messages.filter(({ kind }) => kind === 'scrape').length, 2));
  daemon[Symbol.dispose]();
  assert.equal((await unanswered).status, 503, 'it went away meanwhile');
  await eventually(async () => assert.equal((await fetch(url)).status, 503));
});

test('pods that the snapshot names may read', async () => {
  const { sidecar } = await startOnLoopback('reviews', ca, () => null);
  afterTest(() => sidecar.drain(0));
  const daemon = await TestDaemon.dial(sidecar.ports.control, ca);
  afterTest(() => daemon[Symbol.dispose]());
  await daemon.push(snapshotOf('reviews', { version: '1', scrapers: ['127.0.0.9'] }));
  assert.equal(await status('127.0.0.9', sidecar.ports.stats, '/stats/prometheus'), 200);
  assert.equal(await status('127.0.0.9', sidecar.ports.stats, '/targets'), 404, 'the targets are for its own app');
  await assert.rejects(status('127.0.0.8', sidecar.ports.stats, '/stats/prometheus'));
  await assert.rejects(status('127.0.0.1', sidecar.ports.stats, '/stats/prometheus'), 'the app beside it is no scraper');
});

describe("a scraper's connections to the metrics of pods", () => {
  const there = { address: '127.0.0.77', port: 15020 };
  const peer = {
    address: there.address,
    workload: 'web-1',
    service: 'web',
    version: '',
    identity: 'spiffe://bookshop.local/ns/default/sa/web',
  };

  /** What a scrape brings, and what the sidecar counted. */
  async function scrape(parts: Partial<Snapshot>): Promise<{ readonly text: string; readonly counted: string }> {
    const { sidecar } = await startOnLoopback('prometheus', ca, () => there);
    afterTest(() => sidecar.drain(0));
    const daemon = await TestDaemon.dial(sidecar.ports.control, ca);
    afterTest(() => daemon[Symbol.dispose]());
    await daemon.push(snapshotOf('prometheus', { version: '1', ...parts }));
    const text = await fetch(`http://127.0.0.1:${sidecar.ports.outbound}/stats/prometheus`)
      .then(response => response.text())
      .catch(() => 'refused');
    return { text, counted: String(await daemon.query('stats')) };
  }

  before(async () => {
    await once(target.listen(there.port, there.address), 'listening');
  });
  after(() => target.close());
  const target = createServer((_, response) => void response.end('up 1\n'));

  test('pass and are not counted, also where nothing else may leave the mesh', async () => {
    const { text, counted } = await scrape({ egress: 'registry-only', peers: [peer], scrapes: true });
    assert.equal(text, 'up 1\n');
    assert.doesNotMatch(counted, /^(?:istio_\w+_total|mesh_passthrough\w+|mesh_connections_refused\w+)\{/m);
  });

  test('to any other address they are judged as all are', async () => {
    const { text } = await scrape({ egress: 'registry-only', peers: [{ ...peer, address: '127.0.0.78' }], scrapes: true });
    assert.notEqual(text, 'up 1\n');
  });

  test('are nothing special from an app that is no scraper', async () => {
    assert.notEqual((await scrape({ egress: 'registry-only', peers: [peer] })).text, 'up 1\n');
  });
});

async function status(from: string, port: number, path: string): Promise<number | undefined> {
  const [response] = await once(request({ host: '127.0.0.1', localAddress: from, port, path, agent: false }).end(), 'response');
  response.resume();
  return response.statusCode;
}
