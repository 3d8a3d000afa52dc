/** More work than a sidecar can do: a share of it is turned away at once, and nothing is when the load is over. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Overload } from '../../src/proxy/overload.ts';
import type { Log } from '../../src/telemetry/log.ts';
import { bodyOf, exchangeRaw, get, headerOf, startHttp, statusOf } from '../proxy/backend.ts';
import { clusterTo, type Harness, inboundSnapshot, outboundSnapshot, ruleTo, startPlane } from '../proxy/data-plane-harness.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';

function started(): {
  clock: ManualClock;
  overload: Overload;
  log: string[];
  ask: (times: number) => number;
  metric: (name: string) => number;
} {
  const clock = manualClock();
  const log: string[] = [];
  const note = (message: string): void => void log.push(message);
  const overload = new Overload(clock, { debug: note, info: note, warn: note, error: note } as Log);
  const ask = (times: number): number => {
    let refused = 0;
    for (let i = 0; i < times; i++) {
      if (!overload.begin() && overload.turnsAway()) refused++;
      overload.end();
    }
    return refused;
  };
  const metric = (name: string): number => Number(new RegExp(`^${name} (.*)$`, 'm').exec(overload.metrics())?.[1]);
  return { clock, overload, log, ask, metric };
}

describe('overload', () => {
  test('turns of the event loop that stay long are noticed, and the longer they are the more is turned away', () => {
    const shares = [100, 200, 400, 2_000].map(turnMs => {
      const { clock, ask } = started();
      for (let i = 0; i < 60; i++) {
        ask(300);
        clock.turn(turnMs);
      }
      return ask(1_000) / 1_000;
    }) as [number, number, number, number];
    // A turn of 200 ms makes a timer of 50 ms late by 150 at most, which is still borne.
    assert.deepEqual(shares.slice(0, 2), [0, 0]);
    assert.ok(shares[2] > 0.3 && shares[2] < 0.6, `${shares[2]}`);
    assert.equal(shares[3], 0.95);
  });

  test('one long turn, and even a laptop that slept, is no overload', () => {
    const { clock, ask, log } = started();
    for (const turnMs of [900, 30, 3_600_000, 30, 800, 700, 30, 5_000, 30]) {
      ask(300);
      clock.turn(turnMs);
      clock.turn(60);
      assert.equal(ask(100), 0);
    }
    assert.deepEqual(log, []);
  });

  test('a machine that is slow with a few requests is no overload', () => {
    const { clock, ask } = started();
    for (let i = 0; i < 60; i++) {
      assert.equal(ask(100), 0);
      clock.turn(900);
    }
  });

  test('it is over within two seconds after the last long turn, and told once', () => {
    const { clock, ask, log, metric } = started();
    for (let i = 0; i < 20; i++) {
      ask(300);
      clock.turn(700);
    }
    assert.ok(ask(100) > 80);
    let waited = 0;
    for (; ask(100) > 0; waited += 55) clock.turn(55);
    assert.ok(waited <= 2_000, `${waited} ms`);
    assert.deepEqual(log, ['overloaded: new requests are turned away', 'overload is over']);
    assert.ok(metric('mesh_overload_shed_total') > 80);
    assert.equal(metric('mesh_overload_shed_ratio'), 0);
    assert.equal(metric('mesh_requests_in_progress'), 0);
  });

  test('nothing is watched while nothing comes', () => {
    const { clock, ask } = started();
    let timers = 0;
    const { after } = clock;
    const counted = (ms: number, fn: () => void): (() => void) => {
      timers++;
      return after(ms, fn);
    };
    Object.assign(clock, { after: counted });
    ask(1);
    for (let i = 0; i < 100; i++) clock.turn(55);
    assert.ok(timers <= 3, `${timers}`);
  });

  test('requests in progress are bounded, also where the event loop keeps up', () => {
    const { overload, ask } = started();
    for (let i = 0; i < 20_000; i++) assert.ok(overload.begin());
    assert.equal(ask(10), 10);
    overload.end();
    assert.equal(ask(10), 0);
  });
});

describe('an overloaded sidecar', () => {
  /** Requests keep coming, and turns take two seconds. */
  async function overburden(plane: Harness, clock: ManualClock): Promise<void> {
    for (let i = 0; i < 8; i++) {
      await exchangeRaw(plane.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(250) + get('/'));
      clock.turn(2_000);
    }
  }

  test('answers 503 with UO at once, most of the time; the app sees nothing of it', async () => {
    const clock = manualClock();
    let asked = 0;
    await using app = await startHttp((_, response) => {
      asked++;
      response.end('ok');
    });
    const snapshot = outboundSnapshot([clusterTo('app', [app.port])], [ruleTo('app')], { accessLog: 'json' });
    await using plane = await startPlane('outbound', snapshot, { clock });
    await overburden(plane, clock);
    const before = asked;
    const answers: string[] = [];
    for (let i = 0; i < 40; i++) answers.push(await exchangeRaw(plane.port, get('/')));
    const refused = answers.filter(answer => statusOf(answer) === 503);
    assert.equal(asked - before, answers.filter(answer => statusOf(answer) === 200).length);
    assert.ok(refused.length >= 35 && refused.length < 40, `${refused.length}`);
    for (const answer of refused) {
      assert.equal(headerOf(answer, 'x-envoy-overloaded'), 'true');
      assert.equal(headerOf(answer, 'x-mesh-reason'), 'overload');
      assert.equal(bodyOf(answer), 'overloaded');
    }
    const line = JSON.parse(plane.accessLog.findLast(text => text.includes('"UO"')) ?? '{}') as Record<string, unknown>;
    assert.equal(line.response_code_details, 'overload');
    for (let i = 0; i < 40; i++) clock.turn(50);
    for (let i = 0; i < 20; i++) assert.equal(statusOf(await exchangeRaw(plane.port, get('/'))), 200);
  });

  test('lets the health checks of callers through', async () => {
    const clock = manualClock();
    await using app = await startHttp((_, response) => void response.end('ok'));
    await using plane = await startPlane('inbound', inboundSnapshot(app.port), { localPort: app.port, clock });
    await overburden(plane, clock);
    const status = async (...lines: readonly string[]): Promise<number> =>
      statusOf(await exchangeRaw(plane.port, get('/', ...lines)));
    for (let i = 0; i < 20; i++) assert.equal(await status('User-Agent: mesh-health-check'), 200);
    assert.equal(await status(), 503);
  });

  test('keeps its connections: the next request on one may get through', async () => {
    const clock = manualClock();
    await using app = await startHttp((_, response) => void response.end('ok'));
    await using plane = await startPlane('outbound', outboundSnapshot([clusterTo('app', [app.port])], [ruleTo('app')]), {
      clock,
    });
    await overburden(plane, clock);
    const answers = await exchangeRaw(plane.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(40) + get('/'));
    assert.equal(answers.split('HTTP/1.1 ').length - 1, 41);
    assert.ok(answers.includes('HTTP/1.1 200') && answers.includes('HTTP/1.1 503'));
  });
});
