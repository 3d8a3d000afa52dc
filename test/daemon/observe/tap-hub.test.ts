import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyTap, type TapLine } from '../../../src/api/tap.ts';
import type { ObservedWorkload } from '../../../src/control/control-plane.ts';
import { TapHub } from '../../../src/daemon/observe/tap-hub.ts';
import type { TapEvent, TapOrder, Tapped } from '../../../src/snapshot/tap.ts';
import { tappedExchange } from '../../cli/tapped-exchange.ts';
import { manualClock } from '../../support/manual-clock.ts';

const from = { name: 'reviews-v1-1', service: 'reviews', version: 'v1', kind: 'sidecar' } as unknown as ObservedWorkload;

function stage() {
  const clock = manualClock();
  const orders: (readonly TapOrder[])[] = [];
  let listener: (from: ObservedWorkload, message: Tapped) => void = () => {};
  const hub = new TapHub({
    clock,
    config: () => null,
    control: {
      tap: order => orders.push(order),
      onTapped(each) {
        listener = each;
      },
    },
  });
  const tell = (ids: readonly number[], count = 1, event: TapEvent = tappedExchange): void =>
    listener(from, { kind: 'tapped', dropped: [], events: Array.from({ length: count }, () => ({ ids, event })) });
  return {
    clock,
    orders,
    hub,
    tell,
    shed: (id: number, count: number) => listener(from, { kind: 'tapped', dropped: [{ id, count }], events: [] }),
  };
}

async function collect(lines: AsyncIterable<TapLine>): Promise<TapLine[]> {
  const found: TapLine[] = [];
  for await (const line of lines) found.push(line);
  return found;
}

test('sidecars are told who watches, again and again, and when nobody does', async () => {
  const { clock, orders, hub, tell } = stage();
  const gone = new AbortController();
  const reading = collect(
    hub.watch({ ...anyTap, to: 'reviews', statuses: ['5xx', '404'], headers: ['End-User: jason', 'x'] }, gone.signal),
  );
  assert.deepEqual(orders.at(-1), [
    {
      id: 1,
      at: 'destination',
      from: '',
      to: 'reviews',
      path: '',
      method: '',
      statuses: [
        [500, 599],
        [404, 404],
      ],
      headers: [
        { name: 'end-user', value: 'jason' },
        { name: 'x', value: null },
      ],
      bodyBytes: 0,
    },
  ]);
  clock.advance(10_000);
  assert.equal(orders.length, 2);
  tell([1]);
  tell([2]);
  gone.abort();
  const lines = await reading;
  assert.deepEqual(
    lines.map(line => line.kind),
    ['exchange'],
  );
  assert.deepEqual(orders.at(-1), []);
  clock.advance(60_000);
  assert.equal(orders.length, 3);
});

test('ends after so many, or after so long', async () => {
  const { clock, hub, tell, shed } = stage();
  const { signal } = new AbortController();
  const few = collect(hub.watch({ ...anyTap, max: 2 }, signal));
  const brief = collect(hub.watch({ ...anyTap, forMs: 5_000 }, signal));
  shed(1, 7);
  tell([1, 2], 3);
  assert.deepEqual(
    (await few).map(line => (line.kind === 'shed' ? line.count : line.kind)),
    [7, 'exchange', 'exchange', 'end'],
  );
  clock.advance(5_000);
  assert.deepEqual((await brief).at(-1), { kind: 'end', reason: 'time' });
});

test('who does not read is sent away, and others are not', async () => {
  const { hub, tell, orders } = stage();
  const slow = hub.watch(anyTap, new AbortController().signal)[Symbol.asyncIterator]();
  const quick = hub.watch({ ...anyTap, max: 2_001 }, new AbortController().signal);
  tell([1], 1);
  assert.equal((await slow.next()).value?.kind, 'exchange');
  const reading = collect(quick);
  for (let i = 0; i < 20; i++) {
    tell([1, 2], 100);
    await new Promise(resolve => setImmediate(resolve));
  }
  tell([2]);
  assert.equal((await reading).filter(({ kind }) => kind === 'exchange').length, 2_001);
  // Sidecars are not asked for it any more, read or not.
  assert.deepEqual(orders.at(-1), []);
  const rest: TapLine[] = [];
  for (let step = await slow.next(); step.done !== true; step = await slow.next()) rest.push(step.value);
  assert.deepEqual(rest, [{ kind: 'end', reason: 'slow' }]);
});

test('bodies that wait are bounded by what they weigh: a batch of small ones sends nobody away', async () => {
  const { hub, tell, shed } = stage();
  const body = (length: number) => ({ base64: 'x'.repeat(length), cut: false });
  const watch = () => hub.watch({ ...anyTap, bodyBytes: 65_536, max: 200 }, new AbortController().signal);
  const reading = collect(watch());
  tell([1], 100, { ...tappedExchange, requestBody: body(100), responseBody: body(1_400) });
  shed(1, 17);
  tell([1], 100, { ...tappedExchange, requestBody: null, responseBody: body(1_400) });
  assert.equal((await reading).filter(({ kind }) => kind === 'exchange').length, 200);
  const sentAway = watch();
  tell([2], 100, { ...tappedExchange, requestBody: body(87_384), responseBody: body(87_384) });
  assert.deepEqual(await collect(sentAway), [{ kind: 'end', reason: 'slow' }]);
});

test('more watchers than sidecars should bear are refused', () => {
  const { hub } = stage();
  const { signal } = new AbortController();
  for (let i = 0; i < 16; i++) hub.watch(anyTap, signal);
  assert.throws(() => hub.watch(anyTap, signal), /16 taps/);
});
