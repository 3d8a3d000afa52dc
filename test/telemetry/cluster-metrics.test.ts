import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClusterMetrics } from '../../src/telemetry/cluster-metrics.ts';

test('nothing is written where no cluster has a policy, but what was retried', () => {
  const metrics = new ClusterMetrics();
  metrics.of('outbound|80||quiet');
  assert.equal(metrics.text(), '');
  metrics.of('outbound|80||flaky').retries++;
  assert.match(metrics.text(), /^envoy_cluster_upstream_rq_retry\{envoy_cluster_name="outbound\|80\|\|flaky"\} 1$/m);
  assert.doesNotMatch(metrics.text(), /quiet|overflow/);
});

test('every count under the name that Envoy gives it, by cluster', () => {
  const metrics = new ClusterMetrics();
  const counters = metrics.of('outbound|9080||reviews');
  assert.equal(metrics.of('outbound|9080||reviews'), counters);
  counters.policed = true;
  const named = {
    retries: 'envoy_cluster_upstream_rq_retry',
    ejectionsActive: 'envoy_cluster_outlier_detection_ejections_active',
    ejectionsTotal: 'envoy_cluster_outlier_detection_ejections_enforced_total',
    ejectionsOverflow: 'envoy_cluster_outlier_detection_ejections_overflow',
    requestOverflow: 'envoy_cluster_upstream_rq_pending_overflow',
    retryOverflow: 'envoy_cluster_upstream_rq_retry_overflow',
    connectionOverflow: 'envoy_cluster_upstream_cx_overflow',
    healthCheckAttempts: 'envoy_cluster_health_check_attempt',
    healthCheckFailures: 'envoy_cluster_health_check_failure',
    members: 'envoy_cluster_membership_total',
    healthy: 'envoy_cluster_membership_healthy',
  } as const;
  const fields = Object.keys(named) as (keyof typeof named)[];
  assert.deepEqual(Object.keys(counters).sort(), [...fields, 'policed'].sort(), 'all of them');
  for (const [i, field] of fields.entries()) counters[field] = i + 1;
  const text = metrics.text();
  for (const [i, field] of fields.entries())
    assert.ok(text.includes(`\n${named[field]}{envoy_cluster_name="outbound|9080||reviews"} ${i + 1}\n`), field);
});
