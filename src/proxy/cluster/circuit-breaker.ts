import type { ConnectionLimits } from '../../snapshot/cluster-policy.ts';
import type { ClusterCounters } from '../../telemetry/cluster-metrics.ts';

/**
 * What one client's sidecar has open towards one cluster, and how much it may. Counts whether there are limits or not: limits that come with a reload
 * must know what is already there.
 */
export class CircuitBreaker {
  requests = 0;
  retries = 0;
  connections = 0;
  pending = 0;
  #limits: ConnectionLimits = {};
  #counters: ClusterCounters;

  constructor(counters: ClusterCounters) {
    this.#counters = counters;
  }

  /** Takes on new limits; what is over them runs on. */
  use(limits: ConnectionLimits, counters: ClusterCounters): void {
    this.#limits = limits;
    this.#counters = counters;
  }

  /** A request begins. `false`: it may not, and is counted as overflow. */
  begin(): boolean {
    const { maxRequests } = this.#limits;
    if (maxRequests !== undefined && this.requests >= maxRequests) {
      this.#counters.requestOverflow++;
      return false;
    }
    this.requests++;
    return true;
  }

  end(): void {
    this.requests--;
  }

  /** A request is to be tried again. `false`: it may not, and gets the answer there is. */
  beginRetry(): boolean {
    if (this.retries >= this.#maxRetries()) {
      this.#counters.retryOverflow++;
      return false;
    }
    this.retries++;
    this.#counters.retries++;
    return true;
  }

  endRetry(): void {
    this.retries--;
  }

  /**
   * A connection is to be made. `false`: there is no room. `own`: connections that the endpoint has: the first one is always allowed, as in Envoy, or a
   * request could wait for ever for the connections of other endpoints.
   */
  beginConnection(own: number): boolean {
    const { maxConnections } = this.#limits;
    if (maxConnections !== undefined && own > 0 && this.connections >= maxConnections) return false;
    this.connections++;
    return true;
  }

  /** A raw TCP connection, which cannot wait. `false`: it is to be closed. */
  beginTcp(): boolean {
    const { maxConnections } = this.#limits;
    if (maxConnections !== undefined && this.connections >= maxConnections) {
      this.#counters.connectionOverflow++;
      return false;
    }
    this.connections++;
    return true;
  }

  endConnection(): void {
    this.connections--;
  }

  /** A request has to wait for a connection. `false`: too many wait, and it is counted as overflow. */
  beginPending(): boolean {
    const { maxPendingRequests } = this.#limits;
    if (maxPendingRequests !== undefined && this.pending >= maxPendingRequests) {
      this.#counters.requestOverflow++;
      return false;
    }
    this.pending++;
    return true;
  }

  endPending(): void {
    this.pending--;
  }

  #maxRetries(): number {
    const { retryBudget, maxRetries } = this.#limits;
    if (retryBudget === undefined) return maxRetries ?? Number.POSITIVE_INFINITY;
    return Math.max(retryBudget.minConcurrency, (this.requests * retryBudget.percent) / 100);
  }
}
