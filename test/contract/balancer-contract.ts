/** What every balancer must do. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRandom } from '../../src/async/random.ts';
import { type Balancer, type BalancerPolicy, createBalancer, type Member } from '../../src/proxy/cluster/balancer.ts';
import { EndpointState } from '../../src/proxy/cluster/endpoint-state.ts';
import { manualClock } from '../support/manual-clock.ts';

export function members(count: number): Member[] {
  return Array.from({ length: count }, (_, i) => ({ state: new EndpointState(`reviews-v1-${i + 1}`) }));
}

/** How often each member is picked; `hash` gives that of the n-th request. */
export function tally(
  balancer: Balancer<Member>,
  picks: number,
  hash: (n: number) => number | null = () => null,
): Map<Member | null, number> {
  const counts = new Map<Member | null, number>();
  for (let n = 0; n < picks; n++) {
    const one = balancer.pick(null, hash(n));
    counts.set(one, (counts.get(one) ?? 0) + 1);
  }
  return counts;
}

export function balancerContract(policy: BalancerPolicy): void {
  describe(`balancer ${policy.balancer}${policy.slowStartMs === undefined ? '' : ' with slow start'}`, () => {
    const make = (all: readonly Member[], fit: readonly Member[] = all, seed = 11): Balancer<Member> => {
      const balancer = createBalancer<Member>(policy, { random: createRandom(seed).next, clock: manualClock() });
      balancer.use(all, fit);
      return balancer;
    };

    test('nobody where there is nobody, or nobody fit', () => {
      assert.equal(make([]).pick(null, null), null);
      const all = members(3);
      for (const { state } of all) state.ejected = true;
      assert.equal(make(all, []).pick(null, 7), null);
    });

    test('the only one, even if it is to be avoided', () => {
      const [one] = members(1) as [Member];
      const balancer = make([one]);
      for (let i = 0; i < 20; i++) assert.equal(balancer.pick(one, i), one);
    });

    test('another one than the one to avoid, as often as asked', () => {
      const all = members(2);
      const balancer = make(all);
      for (let i = 0; i < 200; i++) assert.equal(balancer.pick(all[i % 2] ?? null, null), all[(i + 1) % 2]);
    });

    test('only fit ones, and all of them', () => {
      const all = members(5);
      const fit = all.filter((_, i) => i !== 1 && i !== 3);
      for (const member of all) member.state.ejected = !fit.includes(member);
      const counts = tally(make(all, fit), 3000, n => (n * 2654435761) >>> 0);
      assert.deepEqual(new Set(counts.keys()), new Set(fit));
    });

    test('in a panic also those that are out', () => {
      const all = members(3);
      for (const { state } of all) state.ejected = true;
      assert.equal(tally(make(all, all), 600).size, 3);
    });

    test('equal endpoints get equal shares', () => {
      for (const count of [2, 3, 7]) {
        const all = members(count);
        const counts = tally(make(all, all, count), 1000 * count);
        // Six standard deviations of a fair draw: 1000 ± 190.
        for (const member of all) assert.ok(Math.abs((counts.get(member) ?? 0) - 1000) < 190, `${counts.get(member)} of 1000`);
      }
    });

    test('a list that changes is taken on', () => {
      const all = members(4);
      const balancer = make(all);
      const left = all.slice(0, 2);
      balancer.use(left, left);
      assert.equal(tally(balancer, 400, n => (n * 2654435761) >>> 0).size, 2);
      balancer.use(all, all);
      assert.equal(tally(balancer, 4000, n => (n * 2654435761) >>> 0).size, 4);
    });
  });
}
