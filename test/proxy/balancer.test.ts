import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../src/async/random.ts';
import { type Balancer, type BalancerPolicy, createBalancer, type Member } from '../../src/proxy/cluster/balancer.ts';
import { hashText } from '../../src/proxy/cluster/hash.ts';
import { observeLatency } from '../../src/proxy/cluster/peak-ewma.ts';
import { balancerContract, members, tally } from '../contract/balancer-contract.ts';
import { manualClock } from '../support/manual-clock.ts';

for (const balancer of ['round-robin', 'least-request', 'random', 'peak-ewma', 'ring-hash'] as const) {
  balancerContract({ balancer });
  balancerContract({ balancer, slowStartMs: 10_000 });
}

function make(policy: BalancerPolicy, all: readonly Member[], clock = manualClock()): Balancer<Member> {
  const balancer = createBalancer<Member>(policy, { random: createRandom(3).next, clock });
  balancer.use(all, all);
  return balancer;
}

const key = (n: number): number => hashText(`user-${n}`);

test('round-robin goes round in order', () => {
  const all = members(3);
  const balancer = make({ balancer: 'round-robin' }, all);
  const picked = Array.from({ length: 7 }, () => all.indexOf(balancer.pick(null, null) as Member));
  for (let i = 1; i < 7; i++) assert.equal(picked[i], ((picked[i - 1] ?? 0) + 1) % 3);
});

test('least-request leaves the busiest of all alone', () => {
  const all = members(3);
  for (const [i, { state }] of all.entries()) state.active = i;
  assert.equal(tally(make({ balancer: 'least-request' }, all), 300).has(all[2] as Member), false);
});

test('peak-ewma: a peak counts at once, and is forgotten with time', () => {
  const clock = manualClock();
  const all = members(2);
  const [slow, fast] = all as [Member, Member];
  const balancer = make({ balancer: 'peak-ewma' }, all, clock);
  for (let i = 0; i < 20; i++) {
    clock.advance(1000);
    observeLatency(slow.state, 200, 10, clock.monotonic());
    observeLatency(fast.state, 200, 20, clock.monotonic());
  }
  assert.equal(tally(balancer, 100).get(slow), 100);
  observeLatency(slow.state, 200, 2000, clock.monotonic());
  assert.equal(tally(balancer, 100).get(fast), 100);
  // Ten requests in progress of 20 ms are more than the forgotten peak.
  clock.advance(30_000);
  observeLatency(fast.state, 200, 20, clock.monotonic());
  fast.state.active = 10;
  assert.equal(tally(balancer, 100).get(slow), 100);
});

test('peak-ewma: an endpoint that refuses at once does not look fast', () => {
  const all = members(2);
  const [broken, well] = all as [Member, Member];
  observeLatency(well.state, 200, 20, 0);
  observeLatency(well.state, 200, 20, 1);
  for (let i = 0; i < 5; i++) observeLatency(broken.state, 'local-error', 0.1, i);
  well.state.latencyMs = 20;
  assert.equal(tally(make({ balancer: 'peak-ewma' }, all), 100).get(well), 100);
});

test('ring-hash: the same key goes to the same endpoint at every sidecar', () => {
  const one = make({ balancer: 'ring-hash' }, members(5));
  const other = make({ balancer: 'ring-hash' }, members(5).reverse());
  for (let n = 0; n < 500; n++) assert.equal(one.pick(null, key(n))?.state.name, other.pick(null, key(n))?.state.name);
});

test('ring-hash: one more of n endpoints moves about one in n keys, and only to itself', () => {
  for (const count of [2, 4, 9]) {
    const all = members(count + 1);
    const before = make({ balancer: 'ring-hash' }, all.slice(0, count));
    const after = make({ balancer: 'ring-hash' }, all);
    const keys = 10_000;
    let moved = 0;
    for (let n = 0; n < keys; n++) {
      const now = after.pick(null, key(n));
      if (now === before.pick(null, key(n))) continue;
      moved++;
      assert.equal(now, all[count]);
    }
    const share = moved / keys;
    assert.ok(share > 0.6 / (count + 1) && share < 1.7 / (count + 1), `${share} of the keys moved to one of ${count + 1}`);
  }
});

test('ring-hash: keys of an endpoint that is out go to others, all other keys stay, and they come back', () => {
  const all = members(4);
  const balancer = make({ balancer: 'ring-hash' }, all);
  const before = Array.from({ length: 1000 }, (_, n) => balancer.pick(null, key(n)));
  const [sick] = all as [Member];
  sick.state.ejected = true;
  const fit = all.slice(1);
  balancer.use(all, fit);
  const taken = new Set<Member | null>();
  for (const [n, was] of before.entries()) {
    const now = balancer.pick(null, key(n));
    if (was === sick) taken.add(now);
    else assert.equal(now, was);
  }
  assert.deepEqual(taken, new Set(fit));
  sick.state.ejected = false;
  balancer.use(all, all);
  for (const [n, was] of before.entries()) assert.equal(balancer.pick(null, key(n)), was);
});

test('ring-hash: a try again stays, without a key it goes elsewhere', () => {
  const all = members(3);
  const balancer = make({ balancer: 'ring-hash' }, all);
  const first = balancer.pick(null, key(1));
  assert.equal(balancer.pick(first, key(1)), first);
  for (let i = 0; i < 100; i++) assert.notEqual(balancer.pick(first, null), first);
});

test('hashes spread texts that differ in one character', () => {
  const buckets = new Array<number>(16).fill(0);
  for (let n = 0; n < 16_000; n++) {
    const i = hashText(`/${n}`) >>> 28;
    buckets[i] = (buckets[i] ?? 0) + 1;
  }
  for (const count of buckets) assert.ok(count > 800 && count < 1200, String(count));
});

test('slow start: a new endpoint gets a tenth of its share, then more, then all', () => {
  for (const kind of ['round-robin', 'least-request', 'random', 'peak-ewma'] as const) {
    const clock = manualClock();
    const all = members(2);
    const [, young] = all as [Member, Member];
    young.state.since = 0;
    const balancer = make({ balancer: kind, slowStartMs: 10_000 }, all, clock);
    const share = (): number => (tally(balancer, 4000).get(young) ?? 0) / 2000;
    const within = (value: number, low: number, high: number): void =>
      assert.ok(value > low && value < high, `${kind}: ${value} of an equal share`);
    within(share(), 0.05, 0.25);
    clock.advance(5000);
    within(share(), 0.4, 0.75);
    clock.advance(5000);
    within(share(), 0.88, 1.12);
  }
});
