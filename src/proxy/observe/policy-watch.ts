import type { Clock } from '../../async/clock.ts';
import { type EndpointChange, maxChangesPerMessage, type Overflow, type PolicyReport } from '../../snapshot/observation.ts';
import type { ClusterRuntime } from '../cluster/cluster-runtime.ts';
import type { EndpointPool } from '../cluster/endpoint-pool.ts';

const lookEveryMs = 1_000;

/** Notices which endpoints the policies of clusters leave out and take back, and what circuit breakers refuse: looks once a second, while somebody wants to know. */
export class PolicyWatch {
  readonly #clock: Clock;
  readonly #clusters: () => Iterable<ClusterRuntime>;
  /** Endpoints that were told to be left out, by cluster and address. */
  #out = new Map<string, EndpointChange['health']>();
  /** What was refused when it was told last, by cluster. */
  #refused = new Map<string, number>();
  #tell: ((report: PolicyReport) => boolean) | null = null;
  #cancel = (): void => {};

  constructor(clock: Clock, clusters: () => Iterable<ClusterRuntime>) {
    this.#clock = clock;
    this.#clusters = clusters;
  }

  /** Begins, or with `null` ends. Who begins hears of what is left out already. What `tell` says `false` to is told again. */
  use(tell: ((report: PolicyReport) => boolean) | null): void {
    this.#cancel();
    this.#tell = tell;
    if (tell === null) return;
    this.#out = new Map();
    this.#refused = new Map([...this.#clusters()].map(cluster => [cluster.name, cluster.refused]));
    this.#wait();
  }

  #wait(): void {
    this.#cancel = this.#clock.after(lookEveryMs, () => {
      this.#wait();
      this.#look();
    });
  }

  #look(): void {
    const endpoints: EndpointChange[] = [];
    const overflows: Overflow[] = [];
    const out = new Map<string, EndpointChange['health']>();
    const refused = new Map<string, number>();
    for (const runtime of this.#clusters()) {
      const { cluster } = runtime;
      const before = this.#refused.get(cluster.name) ?? 0;
      refused.set(cluster.name, runtime.refused);
      if (runtime.refused > before) overflows.push({ service: cluster.service, refused: runtime.refused - before });
      if (cluster.outliers === undefined && cluster.healthCheck === undefined) continue;
      for (const pool of runtime.pools) {
        const key = `${cluster.name} ${pool.address}`;
        const known = this.#out.get(key) ?? 'healthy';
        const health = healthOf(pool);
        const isFull = endpoints.length >= maxChangesPerMessage;
        const now = isFull ? known : health;
        if (now !== 'healthy') out.set(key, now);
        if (now !== known) endpoints.push({ service: cluster.service, endpoint: pool.endpoint.workload || pool.address, health });
      }
    }
    const isNews = endpoints.length > 0 || overflows.length > 0;
    if (isNews && this.#tell?.({ kind: 'policies', endpoints, overflows }) !== true) return;
    this.#out = out;
    this.#refused = refused;
  }
}

function healthOf({ state }: EndpointPool): EndpointChange['health'] {
  return state.ejected ? 'ejected' : state.unhealthy ? 'unhealthy' : 'healthy';
}
