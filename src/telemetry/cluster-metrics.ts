import { counterText, gaugeText, labels } from './exposition.ts';

/** What the policies of one cluster did, as Envoy names it. */
export class ClusterCounters {
  /** The cluster has policies, whose counters are shown also while they are 0. */
  policed = false;
  /** Tries after the first. */
  retries = 0;
  /** Endpoints that outlier detection leaves out now. */
  ejectionsActive = 0;
  ejectionsTotal = 0;
  /** Ejections that were due but would have gone over the cap. */
  ejectionsOverflow = 0;
  /** Requests refused by the circuit breaker. */
  requestOverflow = 0;
  retryOverflow = 0;
  /** Raw TCP connections refused by the circuit breaker. */
  connectionOverflow = 0;
  healthCheckAttempts = 0;
  healthCheckFailures = 0;
  /** Endpoints there are, and those that get traffic. */
  members = 0;
  healthy = 0;
}

/** What a sidecar has open towards one cluster now. */
export interface OpenToCluster {
  readonly name: string;
  readonly connections: number;
  readonly requests: number;
  /** Requests that wait for a connection. */
  readonly pending: number;
}

/** Gauges of clusters' pools. */
export function poolText(clusters: readonly OpenToCluster[]): string {
  const samples = (value: (cluster: OpenToCluster) => number) =>
    clusters.map(cluster => [labels({ envoy_cluster_name: cluster.name }), value(cluster)] as const);
  return [
    gaugeText(
      'envoy_cluster_upstream_cx_active',
      'Open connections to the cluster.',
      samples(c => c.connections),
    ),
    gaugeText(
      'envoy_cluster_upstream_rq_active',
      'Requests to the cluster that are under way.',
      samples(c => c.requests),
    ),
    gaugeText(
      'envoy_cluster_upstream_rq_pending_active',
      'Requests that wait for a connection to the cluster.',
      samples(c => c.pending),
    ),
  ].join('');
}

/** The counters of a sidecar's clusters, by cluster name. */
export class ClusterMetrics {
  readonly #clusters = new Map<string, ClusterCounters>();

  /** The same object for the same name, for the sidecar's whole life: counters never go back. */
  of(cluster: string): ClusterCounters {
    let counters = this.#clusters.get(cluster);
    if (counters === undefined) {
      counters = new ClusterCounters();
      this.#clusters.set(cluster, counters);
    }
    return counters;
  }

  /** Prometheus text exposition; empty where no cluster has a policy and none was retried. */
  text(): string {
    const retried = [...this.#clusters].filter(([, { retries, policed }]) => policed || retries > 0);
    if (retried.length === 0) return '';
    const retries = counterText(
      'envoy_cluster_upstream_rq_retry',
      'Tries after the first.',
      retried.map(([name, counters]) => [labels({ envoy_cluster_name: name }), counters.retries]),
    );
    const policed = retried.filter(([, counters]) => counters.policed);
    return policed.length === 0 ? retries : retries + policyText(policed);
  }
}

function policyText(clusters: readonly (readonly [string, ClusterCounters])[]): string {
  const samples = (value: (counters: ClusterCounters) => number) =>
    clusters.map(([name, counters]) => [labels({ envoy_cluster_name: name }), value(counters)] as const);
  return [
    gaugeText(
      'envoy_cluster_membership_total',
      'Endpoints of the cluster.',
      samples(c => c.members),
    ),
    gaugeText(
      'envoy_cluster_membership_healthy',
      'Endpoints that get traffic.',
      samples(c => c.healthy),
    ),
    gaugeText(
      'envoy_cluster_outlier_detection_ejections_active',
      'Endpoints ejected now.',
      samples(c => c.ejectionsActive),
    ),
    counterText(
      'envoy_cluster_outlier_detection_ejections_enforced_total',
      'Ejections.',
      samples(c => c.ejectionsTotal),
    ),
    counterText(
      'envoy_cluster_outlier_detection_ejections_overflow',
      'Ejections given up because of the cap.',
      samples(c => c.ejectionsOverflow),
    ),
    counterText(
      'envoy_cluster_upstream_rq_pending_overflow',
      'Requests refused by the circuit breaker.',
      samples(c => c.requestOverflow),
    ),
    counterText(
      'envoy_cluster_upstream_rq_retry_overflow',
      'Retries given up because of the circuit breaker.',
      samples(c => c.retryOverflow),
    ),
    counterText(
      'envoy_cluster_upstream_cx_overflow',
      'Connections refused by the circuit breaker.',
      samples(c => c.connectionOverflow),
    ),
    counterText(
      'envoy_cluster_health_check_attempt',
      'Active health checks.',
      samples(c => c.healthCheckAttempts),
    ),
    counterText(
      'envoy_cluster_health_check_failure',
      'Active health checks that failed.',
      samples(c => c.healthCheckFailures),
    ),
  ].join('');
}
