import type { Cluster, Endpoint } from '../../snapshot/snapshot.ts';
import type { EdgeConnections, EdgeRequests } from '../../telemetry/mesh-metrics.ts';
import { type Balancer, createBalancer } from './balancer.ts';
import { EndpointPool, type PoolParts } from './endpoint-pool.ts';

/** What a cluster needs from the program. */
export interface ClusterParts {
  readonly random: () => number;
  /** Pools of this cluster's idle timeout. */
  pool(cluster: Cluster): PoolParts;
  /** Counters of requests to an endpoint, or to none where the request failed before one was picked. */
  requests(cluster: Cluster, endpoint: Endpoint | null): EdgeRequests;
  connections(cluster: Cluster): EdgeConnections;
}

/** A cluster as it runs. Survives a swap; endpoints and connections that are unchanged live on in it. */
export class ClusterRuntime {
  /** Counts requests that failed before an endpoint was picked. */
  readonly requests: EdgeRequests;
  readonly connections: EdgeConnections;
  readonly #parts: ClusterParts;
  #cluster: Cluster;
  #policy: string;
  #balancer: Balancer;
  #pools: readonly EndpointPool[];

  constructor(cluster: Cluster, parts: ClusterParts) {
    this.#parts = parts;
    this.#cluster = cluster;
    this.#policy = policyOf(cluster);
    this.#balancer = createBalancer(cluster.balancer, parts.random);
    this.requests = parts.requests(cluster, null);
    this.connections = parts.connections(cluster);
    this.#pools = cluster.endpoints.map(endpoint => this.#open(endpoint));
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

  /** An endpoint other than `avoid` where there is one; `null` when the cluster has none. */
  pick(avoid: EndpointPool | null): EndpointPool | null {
    return this.#balancer.pick(this.#pools, avoid);
  }

  /** Takes on a new version of the cluster. Endpoints that stay keep their connections, unless the policy for reaching them changed. */
  update(cluster: Cluster): void {
    const policy = policyOf(cluster);
    const before = this.#pools;
    const kept = new Map(policy === this.#policy ? before.map(pool => [keyOf(pool.endpoint), pool]) : []);
    if (cluster.balancer !== this.#cluster.balancer) this.#balancer = createBalancer(cluster.balancer, this.#parts.random);
    this.#cluster = cluster;
    this.#policy = policy;
    this.#pools = cluster.endpoints.map(endpoint => kept.get(keyOf(endpoint)) ?? this.#open(endpoint));
    const now = new Set(this.#pools);
    for (const pool of before) if (!now.has(pool)) pool.close();
  }

  close(): void {
    for (const pool of this.#pools) pool.close();
  }

  #open(endpoint: Endpoint): EndpointPool {
    return new EndpointPool(
      this.#cluster,
      endpoint,
      this.#parts.requests(this.#cluster, endpoint),
      this.#parts.pool(this.#cluster),
    );
  }
}

/** Everything about a cluster that its connections depend on. */
function policyOf({ service, subset, port, connectTimeoutMs, identities, idleTimeoutMs }: Cluster): string {
  return JSON.stringify([service, subset, port, connectTimeoutMs, identities, idleTimeoutMs]);
}

function keyOf({ workload, address, port, tls }: Endpoint): string {
  return JSON.stringify([workload, address, port, tls]);
}
