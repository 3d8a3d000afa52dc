import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { type DaemonFigures, DaemonMetrics } from '../../src/daemon/daemon-metrics.ts';
import { EventLog } from '../../src/daemon/event-log.ts';

test('what others count is shown as it is now, and never twice', async () => {
  const events = new EventLog(() => 0);
  const pushes = { acked: 9, nacked: 1 };
  let figures: DaemonFigures = {
    workloads: [],
    engine: 'lost',
    tapWatchers: 2,
    spans: { received: 100, dropped: 3 },
    history: { bytes: 4_096, writeFailures: 0 },
  };
  const control = { query: async () => '', offerMetrics: () => undefined, pushes: () => pushes };
  const metrics = new DaemonMetrics({ control, events }, () => figures);
  const following = events.read(0, new AbortController().signal)[Symbol.asyncIterator]();
  void following.next();
  metrics.reloaded(true, 40, 120);
  metrics.reloaded(true, 5, null);
  metrics.reloaded(false, 5, 7_000);
  await text(metrics.read());
  figures = { ...figures, engine: 'connected', spans: { received: 150, dropped: 3 } };
  pushes.acked = 10;
  const shown = (await text(metrics.read())).split('\n');
  for (const line of [
    'config_pushes_total{result="acked"} 10',
    'config_pushes_total{result="nacked"} 1',
    'config_reload_duration_seconds_count 3',
    'config_convergence_duration_seconds_count 1',
    'config_convergence_duration_seconds_sum 0.12',
    'mesh_workloads 0',
    'mesh_engine_connected 1',
    'mesh_event_watchers 1',
    'mesh_tap_watchers 2',
    'mesh_spans_received_total 150',
    'mesh_spans_dropped_total 3',
    'mesh_history_bytes 4096',
    'mesh_history_write_failures_total 0',
  ])
    assert.ok(shown.includes(line), `${line}\n${shown.filter(one => !one.startsWith('#')).join('\n')}`);
  events.close();
});
