import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SignalReporter } from '../../../src/proxy/observe/signal-reporter.ts';
import { Signals } from '../../../src/proxy/observe/signals.ts';
import type { EdgeSignal } from '../../../src/snapshot/edge-signal.ts';
import { bucketBounds } from '../../../src/telemetry/histogram.ts';
import { type Edge, type EdgeRequests, MeshMetrics, type RequestFacts } from '../../../src/telemetry/mesh-metrics.ts';
import { manualClock } from '../../support/manual-clock.ts';

const edge: Edge = {
  reporter: 'source',
  sourceWorkload: 'web',
  sourceNamespace: 'default',
  sourceApp: 'web',
  sourceVersion: 'unknown',
  sourcePrincipal: 'spiffe://m.local/ns/default/sa/web',
  sourceCluster: 'm',
  destinationWorkload: 'api-v2',
  destinationNamespace: 'default',
  destinationService: 'api',
  destinationVersion: 'v2',
  destinationPrincipal: 'spiffe://m.local/ns/default/sa/api',
  destinationCluster: 'm',
  security: 'unknown',
};

function setUp() {
  const metrics = new MeshMetrics();
  const open = new Map<EdgeRequests, number>();
  const signals = new Signals(metrics, () => open);
  const requests = metrics.requests(edge);
  const request = (
    over: Partial<RequestFacts & { details: string }> = {},
    rule: string | null = 'split',
    durationMs = 3,
  ): void => {
    const facts = {
      status: 200,
      flag: '-',
      grpcStatus: null,
      bytesReceived: 10,
      bytesSent: 100,
      messages: null,
      details: 'via_upstream',
      ...over,
    } as const;
    requests.count(facts, durationMs);
    requests.tally.count(facts, rule);
  };
  const take = (): EdgeSignal[] => {
    const told: EdgeSignal[] = [];
    signals.take(edges => {
      told.push(...edges);
      return true;
    });
    return told;
  };
  return { metrics, open, signals, requests, request, take };
}

describe('golden signals', () => {
  test('sum up what an edge has done, and nothing twice', () => {
    const { request, take } = setUp();
    request();
    request({ status: 503, flag: 'UF' }, 'split', 700);
    request({ status: 404 }, 'other');
    const [signal] = take();
    assert.deepEqual(signal, {
      reporter: 'source',
      source: { service: 'web', version: '', workload: 'web', principal: edge.sourcePrincipal },
      destination: { service: 'api', version: 'v2', workload: 'api-v2', principal: edge.destinationPrincipal },
      protocol: 'http',
      secured: null,
      requests: 3,
      failures: 1,
      clientErrors: 1,
      denied: 0,
      durations: [...bucketBounds, Number.POSITIVE_INFINITY].map(bound => (bound === 5 ? 2 : bound === 1000 ? 1 : 0)),
      bytesIn: 30,
      bytesOut: 300,
      open: 0,
      rules: [
        { name: 'split', hits: 2, failures: 1 },
        { name: 'other', hits: 1, failures: 0 },
      ],
    });
    assert.deepEqual(take(), []);
    request();
    assert.deepEqual(
      take().map(({ requests, rules }) => [requests, rules]),
      [[1, [{ name: 'split', hits: 1, failures: 0 }]]],
    );
  });

  test('say what failed: no answer and gRPC do, a client that went away does not', () => {
    const { request, take } = setUp();
    request({ status: 0, flag: 'UF' });
    request({ status: 0, flag: 'DC' });
    request({ status: 200, grpcStatus: '14' });
    request({ status: 200, grpcStatus: '0' });
    const [signal] = take();
    assert.deepEqual([signal?.requests, signal?.failures, signal?.protocol], [4, 2, 'grpc']);
  });

  test('tell refusals by access rules from other 403', () => {
    const { request, take } = setUp();
    request({ status: 403, details: 'rbac_access_denied_matched_policy[none]' }, null);
    request({ status: 403, flag: 'UAEX', details: 'ext_authz_denied' }, null);
    request({ status: 403 });
    const [signal] = take();
    assert.deepEqual([signal?.clientErrors, signal?.denied, signal?.failures], [3, 2, 0]);
  });

  test('what could not be told comes with what is told next', () => {
    const { request, signals, take } = setUp();
    request();
    signals.take(() => false);
    request();
    assert.equal(take()[0]?.requests, 2);
  });

  test('raw TCP: connections, bytes, and those that reached nobody', () => {
    const { metrics, take } = setUp();
    const connections = metrics.connections(edge);
    connections.opened += 3;
    connections.failed++;
    connections.close(7, 9);
    const [signal] = take();
    assert.deepEqual(
      [signal?.protocol, signal?.requests, signal?.failures, signal?.open, signal?.bytesIn, signal?.bytesOut, signal?.durations],
      ['tcp', 3, 1, 2, 7, 9, []],
    );
  });

  test('connections of callers are told when their number changes', () => {
    const { open, requests, take } = setUp();
    open.set(requests, 4);
    assert.deepEqual(
      take().map(signal => [signal.open, signal.requests]),
      [[4, 0]],
    );
    assert.deepEqual(take(), []);
    open.clear();
    assert.equal(take()[0]?.open, 0);
  });

  test('are told every second while somebody listens; what happened unheard is skipped, what is open is not', () => {
    const { request, signals, open, requests } = setUp();
    const clock = manualClock();
    const reporter = new SignalReporter(clock, signals);
    const told: EdgeSignal[][] = [];
    const tell = (edges: readonly EdgeSignal[]): boolean => told.push([...edges]) > 0;
    request();
    open.set(requests, 2);
    reporter.use(tell);
    clock.advance(1_000);
    assert.deepEqual(
      told.map(edges => edges.map(each => [each.requests, each.open])),
      [[[0, 2]]],
    );
    request();
    clock.advance(999);
    assert.equal(told.length, 1);
    clock.advance(1);
    assert.equal(told[1]?.[0]?.requests, 1);
    reporter.use(null);
    request();
    clock.advance(10_000);
    assert.equal(told.length, 2);
    reporter.use(tell);
    clock.advance(1_000);
    assert.deepEqual(
      told[2]?.map(each => [each.requests, each.open]),
      [[0, 2]],
    );
  });
});
