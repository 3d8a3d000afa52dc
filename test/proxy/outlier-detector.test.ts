import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EndpointState, type Outcome } from '../../src/proxy/cluster/endpoint-state.ts';
import { OutlierDetector } from '../../src/proxy/cluster/outlier-detector.ts';
import type { OutlierPolicy } from '../../src/snapshot/cluster-policy.ts';
import { ClusterCounters } from '../../src/telemetry/cluster-metrics.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';

/** Istio's, but for the cap. */
const policy: OutlierPolicy = {
  consecutive5xx: 5,
  consecutiveGatewayErrors: 0,
  consecutiveLocalErrors: 0,
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  maxEjectionPercent: 100,
  minHealthPercent: 0,
};

interface Bench {
  readonly clock: ManualClock;
  readonly counters: ClusterCounters;
  readonly states: readonly EndpointState[];
  readonly detector: OutlierDetector;
  /** Times `onChange` was called. */
  changes(): number;
  /** Outcomes of the first endpoint, or of another. */
  give(results: readonly Outcome[], index?: number): void;
  ejected(): readonly boolean[];
}

function bench(more: Partial<OutlierPolicy> = {}, count = 2): Bench {
  const clock = manualClock();
  const counters = new ClusterCounters();
  const states = Array.from({ length: count }, (_, i) => new EndpointState(`e${i}`));
  let changes = 0;
  const full = { ...policy, ...more };
  const detector = new OutlierDetector(full, { clock, counters, onChange: () => changes++ });
  detector.use(full, states);
  return {
    clock,
    counters,
    states,
    detector,
    changes: () => changes,
    give(results, index = 0) {
      for (const result of results) detector.outcome(states[index] as EndpointState, result);
    },
    ejected: () => states.map(state => state.ejected),
  };
}

const times = (n: number, result: Outcome): Outcome[] => new Array<Outcome>(n).fill(result);

describe('what ejects', () => {
  test('five 5xx in a row, not four, and any other answer begins anew', () => {
    const { give, ejected, changes } = bench();
    give([...times(4, 500), 200, ...times(4, 503), 404, ...times(4, 599)]);
    assert.deepEqual(ejected(), [false, false]);
    give([500]);
    assert.deepEqual(ejected(), [true, false]);
    assert.equal(changes(), 1);
  });

  test('no answer counts as 5xx and as a gateway error, unless local errors are counted apart', () => {
    const joined = bench();
    joined.give([500, 'local-error', 502, 'local-error', 'local-error']);
    assert.deepEqual(joined.ejected(), [true, false]);

    const gateway = bench({ consecutiveGatewayErrors: 2, consecutive5xx: 0 });
    gateway.give([502, 'local-error']);
    assert.deepEqual(gateway.ejected(), [true, false]);

    const split = bench({ consecutiveLocalErrors: 3 });
    split.give([...times(4, 500), 'local-error', 'local-error']);
    assert.deepEqual(split.ejected(), [false, false]);
    split.give(['local-error']);
    assert.deepEqual(split.ejected(), [true, false]);
  });

  test('an answer, whatever it says, ends a row of local errors counted apart', () => {
    const { give, ejected } = bench({ consecutiveLocalErrors: 2, consecutive5xx: 0 });
    give(['local-error', 500, 'local-error', 200, 'local-error']);
    assert.deepEqual(ejected(), [false, false]);
  });

  test('gateway errors are 502, 503 and 504; another 5xx ends their row', () => {
    const { give, ejected } = bench({ consecutive5xx: 0, consecutiveGatewayErrors: 3 });
    give([502, 503, 500, 504, 502, 501, 503, 504]);
    assert.deepEqual(ejected(), [false, false]);
    give([502]);
    assert.deepEqual(ejected(), [true, false]);
  });

  test('a count of 0 counts nothing', () => {
    const { give, ejected } = bench({ consecutive5xx: 0 });
    give([...times(50, 500), ...times(50, 'local-error')]);
    assert.deepEqual(ejected(), [false, false]);
  });
});

describe('the cap', () => {
  test("Istio's 10 % lets nobody go of nine, and one of ten", () => {
    for (const [count, expected] of [
      [1, 0],
      [9, 0],
      [10, 1],
      [20, 2],
    ] as const) {
      const { give, ejected, counters } = bench({ maxEjectionPercent: 10 }, count);
      for (let i = 0; i < count; i++) give(times(5, 500), i);
      assert.equal(ejected().filter(one => one).length, expected, `${count} endpoints`);
      assert.equal(counters.ejectionsActive, expected);
      assert.equal(counters.ejectionsTotal, expected);
      assert.equal(counters.ejectionsOverflow, count - expected);
    }
  });

  test('after an ejection that the cap forbade a new row is needed', () => {
    const { give, counters } = bench({ maxEjectionPercent: 10 });
    give(times(9, 500));
    assert.equal(counters.ejectionsOverflow, 1);
    give([500]);
    assert.equal(counters.ejectionsOverflow, 2);
  });
});

describe('coming back', () => {
  test('on a tick of the interval only, once the time is over', () => {
    const { give, ejected, clock, counters, changes } = bench({ baseEjectionMs: 15_000 });
    clock.advance(1000);
    give(times(5, 500));
    clock.advance(18_999);
    assert.deepEqual(ejected(), [true, false], 'over at 16 s, but the tick is at 20 s');
    clock.advance(1);
    assert.deepEqual(ejected(), [false, false]);
    assert.equal(counters.ejectionsActive, 0);
    assert.equal(changes(), 2);
  });

  test('each ejection in a row is a base longer, at most 300 s, and intervals without one count down', () => {
    const { give, ejected, clock } = bench({ baseEjectionMs: 100_000 });
    const timeOut = (): number => {
      give(times(5, 500));
      let ms = 0;
      for (; ejected()[0]; ms += 10_000) clock.advance(10_000);
      return ms;
    };
    assert.deepEqual(
      Array.from({ length: 9 }, () => timeOut() / 1000),
      [100, 200, 300, 300, 300, 300, 300, 300, 300],
    );
    // Counted up to four, which is enough for the longest: three intervals lower that to one, the next is the second.
    clock.advance(30_000);
    assert.equal(timeOut(), 200_000);
    clock.advance(100_000);
    assert.equal(timeOut(), 100_000);
  });

  test('a base above 300 s is the longest', () => {
    const { give, ejected, clock } = bench({ baseEjectionMs: 400_000 });
    for (let round = 0; round < 2; round++) {
      give(times(5, 500));
      clock.advance(390_000);
      assert.deepEqual(ejected(), [true, false]);
      clock.advance(10_000);
      assert.deepEqual(ejected(), [false, false]);
    }
  });

  test('an endpoint that is back needs a whole row again; failures while out prolong nothing', () => {
    const { give, ejected, clock, counters } = bench({ baseEjectionMs: 10_000 });
    give(times(5, 500));
    give(times(20, 500));
    assert.equal(counters.ejectionsTotal, 1);
    clock.advance(10_000);
    give(times(4, 500));
    assert.deepEqual(ejected(), [false, false]);
  });
});

describe('reload', () => {
  test('endpoints that stay stay ejected, those that go are not counted', () => {
    const { give, detector, states, counters, ejected } = bench({}, 3);
    give(times(5, 500), 0);
    give(times(5, 500), 1);
    assert.equal(counters.ejectionsActive, 2);
    detector.use(policy, states.slice(1));
    assert.deepEqual(ejected(), [true, true, false]);
    assert.equal(counters.ejectionsActive, 1);
  });

  test('a shorter interval holds from now on', () => {
    const { give, detector, states, clock, ejected } = bench({ baseEjectionMs: 1000 });
    give(times(5, 500));
    detector.use({ ...policy, baseEjectionMs: 1000, intervalMs: 2000 }, states);
    clock.advance(2000);
    assert.deepEqual(ejected(), [false, false]);
  });

  test('without a policy everybody is back, and no timer is left', () => {
    const { give, detector, clock, ejected } = bench();
    give(times(5, 500));
    detector.close();
    assert.deepEqual(ejected(), [false, false]);
    clock.advance(1_000_000);
  });
});
