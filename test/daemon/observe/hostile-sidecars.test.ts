/** A sidecar that lies is believed of itself only, and costs the others nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyTap } from '../../../src/api/tap.ts';
import type { ObservedWorkload } from '../../../src/control/control-plane.ts';
import { countRule, emptyRow } from '../../../src/daemon/observe/edge-row.ts';
import { Segment } from '../../../src/daemon/observe/segment.ts';
import { SignalRecorder } from '../../../src/daemon/observe/signal-recorder.ts';
import { TapHub } from '../../../src/daemon/observe/tap-hub.ts';
import type { EdgeSignal, Party } from '../../../src/snapshot/edge-signal.ts';
import type { TapEvent, Tapped } from '../../../src/snapshot/tap.ts';
import { tappedExchange } from '../../cli/tapped-exchange.ts';
import { manualClock } from '../../support/manual-clock.ts';

const from: ObservedWorkload = { name: 'evil-1', service: 'evil', version: '', kind: 'sidecar' };
const party = (service: string, principal = ''): Party => ({ service, version: 'v1', workload: service, principal });
const signal: EdgeSignal = {
  reporter: 'destination',
  source: party('web'),
  destination: party('evil'),
  protocol: 'http',
  secured: false,
  requests: 7,
  failures: 7,
  clientErrors: 0,
  denied: 0,
  durations: [],
  bytesIn: 0,
  bytesOut: 0,
  open: 0,
  rules: [],
};

/** Who called whom how often by what sidecars told. */
function callsOf(...signals: readonly EdgeSignal[]): readonly (readonly [string, string, number])[] {
  const recorder = new SignalRecorder();
  recorder.take(from, signals);
  const { rows } = recorder.end(1_000, 1_000, () => true);
  return [...rows].map(([{ source, destination }, { requests }]) => [source.service, destination.service, requests]);
}

test('the called one alone does not make anybody its caller', () => {
  assert.deepEqual(callsOf(signal), [['', 'evil', 7]]);
  assert.deepEqual(callsOf({ ...signal, source: party('web', 'spiffe://m.local/person/ann') }), [['ann', 'evil', 7]]);
  assert.deepEqual(callsOf({ ...signal, source: party('web', 'spiffe://m.local/ns/default/sa/web') }), [['web', 'evil', 0]]);
});

test('nobody speaks as the caller for another', () => {
  assert.deepEqual(callsOf({ ...signal, reporter: 'source', destination: party('api') }), [['evil', 'api', 7]]);
});

test('numbers without end cost no moment of the others', () => {
  const recorder = new SignalRecorder();
  const huge = Number.MAX_SAFE_INTEGER;
  const lie = { ...signal, requests: huge, bytesIn: huge, rules: [{ name: 'a', hits: huge, failures: huge }] };
  recorder.take(
    from,
    Array.from({ length: 200 }, () => lie),
  );
  recorder.take({ ...from, name: 'web-1', service: 'web' }, [{ ...signal, reporter: 'source', destination: party('api') }]);
  const segment = new Segment(1_000);
  segment.append(recorder.end(1_000, 1_000, () => true));
  const [moment] = [...segment.moments(0, 1_000)];
  assert.deepEqual(
    [...(moment?.rows ?? [])].map(([{ source }, { requests }]) => [source.service, requests]),
    [
      ['', huge],
      ['web', 7],
    ],
  );
});

test('rules of one edge have an end', () => {
  const row = emptyRow();
  for (let i = 0; i < 100_000; i++) countRule(row, `rule ${i}`, 1, 0);
  assert.equal(row.rules.size, 1_024);
});

function watched(): { readonly lines: AsyncIterator<unknown>; tell(event: TapEvent, count?: number): void } {
  let listener: (from: ObservedWorkload, message: Tapped) => void = () => {};
  const hub = new TapHub({
    clock: manualClock(),
    config: () => null,
    control: {
      tap: () => {},
      onTapped(each) {
        listener = each;
      },
    },
  });
  const lines = hub.watch(anyTap, new AbortController().signal)[Symbol.asyncIterator]();
  return {
    lines,
    tell: (event, count = 1) =>
      listener(from, { kind: 'tapped', dropped: [], events: Array.from({ length: count }, () => ({ ids: [1], event })) }),
  };
}

test('live requests are those of the sidecar that tells them', async () => {
  const { lines, tell } = watched();
  tell({ ...tappedExchange, side: 'source', caller: 'web', called: 'api' });
  tell({ ...tappedExchange, side: 'destination', caller: 'web', called: 'api' });
  for (const [caller, called] of [
    ['evil', 'api'],
    ['web', 'evil'],
  ]) {
    const line = (await lines.next()).value as { caller: string; called: string; at: string };
    assert.deepEqual([line.at, line.caller, line.called], ['evil-1', caller, called]);
  }
});

test('heads that wait for a reader count as bodies do', async () => {
  const { lines, tell } = watched();
  const requestHeaders = Array.from({ length: 100 }, (_, i) => [`h${i}`, 'x'.repeat(2_000)] as const);
  tell({ ...tappedExchange, requestHeaders, responseHeaders: requestHeaders }, 100);
  assert.deepEqual((await lines.next()).value, { kind: 'end', reason: 'slow' });
});
