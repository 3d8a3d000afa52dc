/** Statistics from what real counters tell: sidecars that start again, lose their channel, and clocks that jump. */
import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { MeshEventBody, ProxyStatus } from '../../../src/api/types.ts';
import type { ObservedWorkload } from '../../../src/control/control-plane.ts';
import { Statistics } from '../../../src/daemon/observe/statistics.ts';
import { Signals } from '../../../src/proxy/observe/signals.ts';
import { type Edge, MeshMetrics } from '../../../src/telemetry/mesh-metrics.ts';
import { manualClock } from '../../support/manual-clock.ts';

const web: ObservedWorkload = { name: 'web-1', service: 'web', version: '', kind: 'sidecar' };
const edge: Edge = {
  reporter: 'source',
  sourceWorkload: 'web',
  sourceNamespace: 'default',
  sourceApp: 'web',
  sourceVersion: 'unknown',
  sourcePrincipal: 'spiffe://m.local/ns/default/sa/web',
  sourceCluster: 'm',
  destinationWorkload: 'api',
  destinationNamespace: 'default',
  destinationService: 'api',
  destinationVersion: 'unknown',
  destinationPrincipal: 'spiffe://m.local/ns/default/sa/api',
  destinationCluster: 'm',
  security: 'unknown',
};
const ok = { status: 200, flag: '-', grpcStatus: null, bytesReceived: 1, bytesSent: 1, messages: null } as const;

/** A sidecar's counters. */
function counters(): { count(requests: number): void; signals: Signals } {
  const metrics = new MeshMetrics();
  const counted = metrics.requests(edge);
  return {
    count(requests) {
      for (let i = 0; i < requests; i++) counted.count(ok, 5);
    },
    signals: new Signals(metrics, () => new Map()),
  };
}

async function setUp(t: TestContext) {
  const stateDir = mkdtempSync(join(tmpdir(), 'statistics-'));
  const clock = manualClock();
  let aheadMs = Date.UTC(2030, 0, 1);
  const events: MeshEventBody[] = [];
  const statistics = new Statistics({
    clock: { ...clock, now: () => clock.now() + aheadMs },
    stateDir,
    emit: event => events.push(event),
    control: { status: () => new Map([['web-1', { connected: true } as ProxyStatus]]), snapshots: () => [] },
    names: () => ({ services: [], gateways: [], external: [] }),
  });
  const requests = async (window: string): Promise<number> => {
    const { edges } = await statistics.stats({ window });
    return edges.reduce((sum, { total }) => sum + total.requests, 0);
  };
  t.after(async () => {
    await statistics.close();
    await rm(stateDir, { recursive: true });
  });
  return {
    events,
    statistics,
    requests,
    jump: (ms: number): void => {
      aheadMs += ms;
    },
    /** A second goes by. */
    async second(): Promise<void> {
      clock.advance(1_000);
      await setImmediate();
    },
  };
}

test('a sidecar that starts again begins at zero, and nothing is negative or counted twice', async t => {
  const { statistics, requests, second } = await setUp(t);
  await requests('1m');
  const tell = ({ signals }: ReturnType<typeof counters>): void =>
    signals.take(edges => {
      statistics.take(web, edges);
      return true;
    });
  const first = counters();
  first.count(100);
  tell(first);
  await second();
  first.count(5);
  tell(first);
  await second();
  const again = counters();
  again.count(3);
  tell(again);
  await second();
  assert.equal(await requests('1m'), 108);
});

test('a channel that breaks: what was told is not told again, and what nobody heard is not guessed', async t => {
  const { statistics, requests, second } = await setUp(t);
  await requests('1m');
  const { count, signals } = counters();
  const tell = (heard: boolean): void =>
    signals.take(edges => {
      if (heard) statistics.take(web, edges);
      return heard;
    });
  count(10);
  tell(true);
  await second();
  // The channel is slow: the next message brings it.
  count(20);
  tell(false);
  await second();
  tell(true);
  await second();
  assert.equal(await requests('1m'), 30);
  // Nobody listens; as a reporter does when a daemon connects again.
  count(1_000);
  signals.skip();
  count(4);
  tell(true);
  await second();
  assert.equal(await requests('1m'), 34);
});

test('a clock that is set back or ahead is told once each time; statistics go on', async t => {
  const { statistics, events, requests, second, jump } = await setUp(t);
  await requests('1m');
  const { count, signals } = counters();
  const busySecond = async (): Promise<void> => {
    count(1);
    signals.take(edges => {
      statistics.take(web, edges);
      return true;
    });
    await second();
  };
  for (let i = 0; i < 5; i++) await busySecond();
  jump(-3_600_000);
  for (let i = 0; i < 5; i++) await busySecond();
  assert.equal(await requests('1m'), 5);
  jump(24 * 3_600_000);
  for (let i = 0; i < 5; i++) await busySecond();
  assert.equal(await requests('1m'), 5);
  assert.deepEqual(
    events.map(event => (event.kind === 'warning' ? event.message : event.kind)),
    ['the clock went back by 3600 s', 'the clock went ahead by 86400 s, or the machine slept'],
  );
});

test('the end ends who watches, also who was busy with a document just then', async t => {
  const { statistics } = await setUp(t);
  const watch = () => statistics.watch({ window: '10s' }, new AbortController().signal);
  const waiting = watch();
  const busy = watch();
  assert.equal((await waiting.next()).done, false);
  const end = waiting.next();
  assert.equal((await busy.next()).done, false);
  await statistics.close();
  assert.equal((await end).done, true);
  assert.equal((await busy.next()).done, true);
});
