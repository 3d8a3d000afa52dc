import type { Clock } from '../../async/clock.ts';
import type { ClusterReport, EndpointReport } from '../../snapshot/channel.ts';
import type { Cluster, Endpoint } from '../../snapshot/snapshot.ts';
import type { ClusterCounters } from '../../telemetry/cluster-metrics.ts';
import type { EdgeRequests } from '../../telemetry/mesh-metrics.ts';
import { type Balancer, createBalancer } from './balancer.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import { EndpointPool, type PoolParts } from './endpoint-pool.ts';
import { EndpointState, type Outcome, type OutcomeWatcher } from './endpoint-state.ts';
import { HealthChecker, type Probe } from './health-checker.ts';
import { OutlierDetector } from './outlier-detector.ts';
import { observeLatency } from './peak-ewma.ts';

/** Istio's `hostSelectionRetryMaxAttempts`. */
const maxPicks = 5;

/** What a cluster needs from the program. */
export interface ClusterParts {
  readonly random: () => number;
  readonly clock: Clock;
  /** Pools of this cluster's idle timeout. */
  pool(cluster: Cluster): PoolParts;
  /** Counters of requests to an endpoint, or to none where the request failed before one was picked. */
  requests(cluster: Cluster, endpoint: Endpoint | null): EdgeRequests;
  /** Counters of what the cluster's policies do. */
  counters(cluster: Cluster): ClusterCounters;
  /** Asks one endpoint for its health. */
  readonly probe: Probe<EndpointPool>;
}

/**
 * A cluster as it runs. Survives a swap; endpoints and connections that are unchanged live on in it, and what is known of an endpoint stays while the
 * endpoint does.
 */
export class ClusterRuntime implements OutcomeWatcher {
  /** Counts requests that failed before an endpoint was picked. */
  readonly requests: EdgeRequests;
  readonly breaker: CircuitBreaker;
  readonly #parts: ClusterParts;
  readonly #counters: ClusterCounters;
  #cluster: Cluster;
  #reach: string;
  #balancing: string;
  #balancer: Balancer<EndpointPool>;
  #pools: readonly EndpointPool[];
  #outliers: OutlierDetector | null = null;
  #checker: HealthChecker<EndpointPool> | null = null;

  constructor(cluster: Cluster, parts: ClusterParts) {
    this.#parts = parts;
    this.#cluster = cluster;
    this.#reach = reachOf(cluster);
    this.#balancing = balancingOf(cluster);
    this.#balancer = createBalancer(cluster, parts);
    this.requests = parts.requests(cluster, null);
    this.#counters = parts.counters(cluster);
    this.breaker = new CircuitBreaker(this.#counters);
    this.#pools = cluster.endpoints.map(endpoint => this.#open(endpoint, new EndpointState(nameOf(endpoint, cluster))));
    this.#applyPolicies();
  }

  get cluster(): Cluster {
    return this.#cluster;
  }

  get name(): string {
    return this.#cluster.name;
  }

  get pools(): readonly EndpointPool[] {
    return this.#pools;
  }

  /** Requests and raw TCP connections that the circuit breaker has refused. */
  get refused(): number {
    return this.#counters.requestOverflow + this.#counters.connectionOverflow;
  }

  /** How things stand now. */
  get report(): ClusterReport {
    const { requests, connections, pending, retries } = this.breaker;
    const endpoints = this.#pools.map(
      ({ endpoint, address, state }): EndpointReport => ({
        workload: endpoint.workload,
        address,
        active: state.active,
        health: state.ejected ? 'ejected' : state.unhealthy ? 'unhealthy' : 'healthy',
      }),
    );
    return { name: this.name, requests, connections, pending, retries, endpoints };
  }

  /** An endpoint other than `avoid` where there is one; `null` when none may take traffic. `hash`: of `Decision`. */
  pick(avoid: EndpointPool | null, hash: number | null = null): EndpointPool | null {
    return this.#balancer.pick(avoid, hash);
  }

  /** For another try: an endpoint that is not among `tried`, the last of which was the last, if a few picks find one. A ring gives the same one again. */
  pickOther(tried: readonly EndpointPool[], hash: number | null): EndpointPool | null {
    const last = tried.at(-1) ?? null;
    let one = this.pick(last, hash);
    for (let i = 0; i < maxPicks && hash === null && one !== null && tried.includes(one); i++) one = this.pick(last, hash);
    return one;
  }

  /** A request begins. `false`: the circuit breaker refuses it; else `end` has to follow once. */
  begin(): boolean {
    return this.breaker.begin();
  }

  end(): void {
    this.breaker.end();
  }

  /** A request is about to be tried again. `false`: the circuit breaker refuses it; else `endRetry` has to follow once, when that try is over. */
  beginRetry(): boolean {
    return this.breaker.beginRetry();
  }

  endRetry(): void {
    this.breaker.endRetry();
  }

  outcome(state: EndpointState, result: Outcome, durationMs: number): void {
    if (this.#cluster.balancer === 'peak-ewma') observeLatency(state, result, durationMs, this.#parts.clock.monotonic());
    this.#outliers?.outcome(state, result);
  }

  /** Takes on a new version of the cluster. Endpoints that stay keep their connections, unless the way to reach them changed. */
  update(cluster: Cluster): void {
    const reach = reachOf(cluster);
    const before = this.#pools;
    const known = new Map(before.map(pool => [keyOf(pool.endpoint), pool]));
    const now = this.#parts.clock.monotonic();
    const sameReach = reach === this.#reach;
    this.#cluster = cluster;
    this.#reach = reach;
    this.#pools = cluster.endpoints.map(endpoint => {
      const pool = known.get(keyOf(endpoint));
      if (pool !== undefined) return sameReach ? pool : this.#open(endpoint, pool.state);
      const state = new EndpointState(nameOf(endpoint, cluster));
      state.since = now;
      return this.#open(endpoint, state);
    });
    const balancing = balancingOf(cluster);
    if (balancing !== this.#balancing) this.#balancer = createBalancer(cluster, this.#parts);
    this.#balancing = balancing;
    this.#applyPolicies();
    const kept = new Set(this.#pools);
    for (const pool of before) if (!kept.has(pool)) pool.close();
  }

  close(): void {
    this.#outliers?.close();
    this.#checker?.stop();
    this.#counters.members = 0;
    this.#counters.healthy = 0;
    for (const pool of this.#pools) pool.close();
  }

  #applyPolicies(): void {
    const { limits, outliers, healthCheck, balancer } = this.#cluster;
    this.#counters.policed ||= limits !== undefined || outliers !== undefined || healthCheck !== undefined;
    const shared = { clock: this.#parts.clock, counters: this.#counters, onChange: () => this.#refit() };
    this.breaker.use(limits ?? {}, this.#counters);

    const states = this.#pools.map(pool => pool.state);
    if (outliers === undefined) this.#outliers?.close();
    this.#outliers = outliers === undefined ? null : (this.#outliers ?? new OutlierDetector(outliers, shared));
    if (outliers !== undefined) this.#outliers?.use(outliers, states);

    if (healthCheck === undefined) {
      this.#checker?.stop();
      for (const state of states) state.unhealthy = false;
    }
    const checker = this.#checker ?? (healthCheck && new HealthChecker(healthCheck, { ...shared, probe: this.#parts.probe }));
    this.#checker = healthCheck === undefined ? null : (checker ?? null);
    if (healthCheck !== undefined) this.#checker?.use(healthCheck, this.#pools);

    const watcher = outliers === undefined && balancer !== 'peak-ewma' ? null : this;
    for (const state of states) state.watcher = watcher;
    this.#refit();
  }

  /** Tells the balancer who may take traffic. With too few of them everybody may (panic): asking a sick endpoint is better than crushing the last well one. */
  #refit(): void {
    const all = this.#pools;
    const well = all.filter(pool => !pool.state.out);
    const panic = well.length * 100 < (this.#cluster.outliers?.minHealthPercent ?? 0) * all.length;
    this.#balancer.use(all, panic ? all : well);
    this.#counters.members = all.length;
    this.#counters.healthy = well.length;
  }

  #open(endpoint: Endpoint, state: EndpointState): EndpointPool {
    return new EndpointPool(
      this.#cluster,
      endpoint,
      this.#parts.requests(this.#cluster, endpoint),
      this.#parts.pool(this.#cluster),
      state,
      this.breaker,
    );
  }
}

/** Everything about a cluster that its connections depend on. */
function reachOf(cluster: Cluster): string {
  const { service, subset, port, connectTimeoutMs, identities, idleTimeoutMs } = cluster;
  const { protocol, maxRequestsPerConnection, tls, resolution } = cluster;
  return JSON.stringify([
    ...[service, subset, port, connectTimeoutMs, identities, idleTimeoutMs],
    ...[protocol, maxRequestsPerConnection, tls, resolution],
  ]);
}

function balancingOf({ balancer, hash, slowStartMs }: Cluster): string {
  return JSON.stringify([balancer, hash?.minRingSize, slowStartMs]);
}

/** Addresses of a service outside the mesh all bear its name, but they stay; a pod's changes when it is made anew. */
function nameOf({ workload, address }: Endpoint, { identities }: Cluster): string {
  return identities.length === 0 ? `${workload} ${address}` : workload;
}

function keyOf({ workload, address, port, tls }: Endpoint): string {
  return JSON.stringify([workload, address, port, tls]);
}
