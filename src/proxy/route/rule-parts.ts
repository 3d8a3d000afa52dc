import type { Clock } from '../../async/clock.ts';
import { type RandomSource, seededDraws } from '../../async/random.ts';
import type { Snapshot } from '../../snapshot/snapshot.ts';
import { AccessDecisions } from '../../telemetry/access-decisions.ts';
import type { Log } from '../../telemetry/log.ts';
import { RateLimitCounters } from '../../telemetry/rate-limit-counters.ts';
import { TokenRefusals } from '../../telemetry/token-refusals.ts';
import { Authorizers } from '../authorizer/authorizers.ts';
import type { ClusterRuntime } from '../cluster/cluster-runtime.ts';
import { KeptState } from './kept-state.ts';

/** A cluster name that the snapshot does not define stays `null`: 503 NC when it is chosen. */
export type FindCluster = (name: string) => ClusterRuntime | null;

/** Uniform in [0, 1). */
export type Draw = () => number;

/** What rules are compiled with. Made for each snapshot from that of the one before. */
export class RuleParts {
  readonly clock: Clock;
  readonly cluster: FindCluster;
  readonly kept: KeptState;
  /** Counts what access rules decide. */
  readonly decisions: AccessDecisions;
  /** Counts what rate limits decide. */
  readonly rateLimits: RateLimitCounters;
  /** Counts tokens that are refused. */
  readonly tokens: TokenRefusals;
  /** Whom rules ask. */
  readonly authorizers: Authorizers;
  readonly #random: RandomSource;
  readonly #seed: number | undefined;
  readonly #workload: string;
  /** By purpose. Kept whole: who draws only now and then must not begin anew after two swaps. */
  readonly #streams: Map<string, Draw>;

  constructor(
    { seed, workload, authorizers = [] }: Pick<Snapshot, 'seed' | 'workload' | 'authorizers'>,
    cluster: FindCluster,
    { clock, random, log }: { readonly clock: Clock; readonly random: RandomSource; readonly log: Log },
    before: RuleParts | null = null,
  ) {
    this.clock = clock;
    this.cluster = cluster;
    this.kept = new KeptState(before?.kept);
    this.rateLimits = before?.rateLimits ?? new RateLimitCounters();
    this.tokens = before?.tokens ?? new TokenRefusals();
    this.decisions = before?.decisions ?? new AccessDecisions();
    this.authorizers = new Authorizers(authorizers, cluster, { clock, log }, before?.authorizers ?? null);
    this.#random = random;
    this.#seed = seed;
    this.#workload = workload;
    this.#streams = before !== null && before.#seed === seed && before.#workload === workload ? before.#streams : new Map();
  }

  /**
   * Draws for one purpose. With a seed they repeat themselves, and do not depend on what else is drawn: a fault that is added does not move a split. They go
   * on over a swap; another seed begins anew.
   */
  draws(purpose: string): Draw {
    const seed = this.#seed;
    if (seed === undefined) return this.#random.next;
    const known = this.#streams.get(purpose);
    if (known !== undefined) return known;
    const stream = seededDraws(seed, `${this.#workload} ${purpose}`);
    this.#streams.set(purpose, stream);
    return stream;
  }
}
