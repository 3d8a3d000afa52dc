import type { Clock } from '../../async/clock.ts';
import type { Cluster } from '../../snapshot/snapshot.ts';
import type { EndpointState } from './endpoint-state.ts';
import { LeastRequest } from './least-request.ts';
import { PeakEwma } from './peak-ewma.ts';
import { RandomChoice } from './random-choice.ts';
import { RingHash } from './ring-hash.ts';
import { RoundRobin } from './round-robin.ts';
import { SlowStart } from './slow-start.ts';

/** What a balancer sees of an endpoint. */
export interface Member {
  readonly state: EndpointState;
}

/** Picks one of several endpoints. */
export interface Balancer<T extends Member> {
  /** All endpoints there are, and those of them to pick from. Called when either changes; a list that changed is another list. */
  use(all: readonly T[], fit: readonly T[]): void;
  /** A fit endpoint, other than `avoid` where there is one; `null` when none is fit. `hash`: what the request is told by, `null`: nothing. */
  pick(avoid: T | null, hash: number | null): T | null;
}

/** Where balancers get chance and time from. */
export interface BalancerParts {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly clock: Clock;
}

/** What a balancer is made from; one is made anew when it changes. */
export type BalancerPolicy = Pick<Cluster, 'balancer' | 'hash' | 'slowStartMs'>;

/** Envoy's default, and Istio's. */
const defaultRingSize = 1024;

/** The balancer of a cluster's policy. */
export function createBalancer<T extends Member>(policy: BalancerPolicy, parts: BalancerParts): Balancer<T> {
  const balancer = ofKind<T>(policy, parts);
  // On a ring a share of the requests would have to be somebody else's: the session would move.
  if (policy.slowStartMs === undefined || policy.balancer === 'ring-hash') return balancer;
  return new SlowStart(balancer, policy.slowStartMs, parts);
}

function ofKind<T extends Member>({ balancer, hash }: BalancerPolicy, { random, clock }: BalancerParts): Balancer<T> {
  switch (balancer) {
    case 'round-robin':
      return new RoundRobin(random);
    case 'least-request':
      return new LeastRequest(random);
    case 'random':
      return new RandomChoice(random);
    case 'peak-ewma':
      return new PeakEwma(random, clock);
    case 'ring-hash':
      return new RingHash(random, hash?.minRingSize ?? defaultRingSize);
  }
}
