import type { Clock } from '../../async/clock.ts';
import { Deadlines } from '../../async/deadline.ts';
import type { ExternalAuthorizer } from '../../snapshot/access-policy.ts';
import { AuthorizerCounters, authorizerText } from '../../telemetry/authorizer-metrics.ts';
import type { Log } from '../../telemetry/log.ts';
import type { ClusterRuntime } from '../cluster/cluster-runtime.ts';
import { Authorizer, type AuthorizerParts } from './authorizer.ts';

/** A dead authorizer fails every request; the log says so once in this time. */
const quietMs = 10_000;

/** What all snapshots of a sidecar share. */
class Shared {
  readonly counters = new Map<string, AuthorizerCounters>();
  readonly parts: AuthorizerParts;
  readonly #saidAt = new Map<string, number>();

  constructor(clock: Clock, log: Log) {
    this.parts = {
      deadlines: new Deadlines(clock),
      now: () => clock.monotonic(),
      bug: error => log.error('asking an authorizer failed with a bug', { error }),
      failed: (authorizer, reason) => {
        const now = clock.monotonic();
        const saidAt = this.#saidAt.get(authorizer);
        if (saidAt !== undefined && now - saidAt < quietMs) return;
        this.#saidAt.set(authorizer, now);
        log.warn('an authorizer gave no answer', { authorizer, reason });
      },
    };
  }
}

/** The external authorizers of one snapshot. */
export class Authorizers {
  readonly #shared: Shared;
  readonly #byName: ReadonlyMap<string, Authorizer>;

  /** `before`: of the snapshot that runs now; counters go on. */
  constructor(
    configs: readonly ExternalAuthorizer[],
    cluster: (name: string) => ClusterRuntime | null,
    { clock, log }: { readonly clock: Clock; readonly log: Log },
    before: Authorizers | null = null,
  ) {
    const shared = before === null ? new Shared(clock, log) : before.#shared;
    this.#shared = shared;
    this.#byName = new Map(
      configs.map(config => {
        const counters = shared.counters.get(config.name) ?? new AuthorizerCounters();
        shared.counters.set(config.name, counters);
        return [config.name, new Authorizer(config, () => cluster(config.cluster), counters, shared.parts)];
      }),
    );
  }

  /** `null`: the snapshot has none of that name. */
  get(name: string): Authorizer | null {
    return this.#byName.get(name) ?? null;
  }

  /** Prometheus text exposition. */
  metrics(): string {
    return authorizerText(this.#shared.counters);
  }
}
