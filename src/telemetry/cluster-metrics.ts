import { counterText, gaugeText, labels } from './exposition.ts';

/** What the policies of one cluster did, as Envoy names it. */
export class ClusterCounters {
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

  /** Prometheus text exposition; empty where no cluster has a policy that counts. */
  text(): string {
    if (this.#clusters.size === 0) return '';
    const samples = (value: (counters: ClusterCounters) => number) =>
      [...this.#clusters].map(([name, counters]) => [labels({ envoy_cluster_name: name }), value(counters)] as const);
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
}
