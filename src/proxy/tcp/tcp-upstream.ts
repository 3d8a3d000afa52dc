import type { Clock } from '../../async/clock.ts';
import type { Endpoint } from '../../snapshot/snapshot.ts';
import type { Edge, EdgeConnections } from '../../telemetry/mesh-metrics.ts';
import type { AccessLogWriter } from '../access-log-writer.ts';
import type { ClusterRuntime } from '../cluster/cluster-runtime.ts';
import type { EndpointPool } from '../cluster/endpoint-pool.ts';
import { hashText } from '../cluster/hash.ts';
import type { ConnectFailure, Connector, Downstream, TcpUpstream } from '../data-plane.ts';
import { knownName } from '../edges.ts';
import type { TapConnection, Taps } from '../tap/taps.ts';
import type { ByteStream } from '../transport/byte-stream.ts';
import { flagOf, type TcpFaults, withFaults } from './tcp-faults.ts';

/** What raw TCP connections of a data plane share. */
export interface TcpParts {
  readonly connector: Connector;
  readonly clock: Clock;
  readonly taps: Taps;
  readonly accessLog: Pick<AccessLogWriter, 'on' | 'write'>;
}

/** A connect failure is answered by one more try, on another endpoint where there is one: nothing has been sent yet. */
const tries = 2;

/**
 * Makes the upstream side of one raw TCP connection: balancing, counters and log for the proxy that copies the bytes. `connections`: counters of those to an
 * endpoint, or to none where none could be reached. `faults`: what hits it.
 */
export function createTcpUpstream(
  downstream: Downstream,
  cluster: ClusterRuntime | null,
  connections: (endpoint: Endpoint | null) => EdgeConnections,
  parts: TcpParts,
  faults: TcpFaults | null = null,
): TcpUpstream {
  const startedAt = parts.clock.monotonic();
  let endpoint: EndpointPool | null = null;
  let flag = flagOf(faults);
  let failure = '';
  let giveUp = (): void => {};
  /** Counted by the circuit breaker. */
  let counted = false;
  let counters: EdgeConnections | null = null;
  const open = (endpoint: Endpoint | null): EdgeConnections => {
    const edge = connections(endpoint);
    edge.opened++;
    return edge;
  };
  const hash = cluster?.cluster.hash?.by.kind === 'source' ? hashText(downstream.remoteAddress) : null;
  const tapped = (edge: Edge, durationMs: number, bytesReceived: number, bytesSent: number): TapConnection => ({
    edge,
    principal: downstream.peer?.spiffeId ?? '',
    remoteAddress: `${downstream.remoteAddress}:${downstream.remotePort}`,
    upstreamAddress: endpoint?.address ?? '',
    flag,
    startMs: parts.clock.now() - durationMs,
    durationMs,
    bytesReceived,
    bytesSent,
  });
  const upstream: TcpUpstream = {
    name: cluster?.name ?? '',
    open(onConnected, onFailed) {
      counted = cluster?.breaker.beginTcp() ?? false;
      if (cluster !== null && !counted) {
        flag = 'UO';
        failure = 'overflow';
        onFailed(failure);
        return () => {};
      }
      const attempt = (left: number): void => {
        endpoint = cluster?.pick(endpoint, hash) ?? null;
        if (endpoint === null) {
          flag = cluster === null ? 'NC' : 'UH';
          failure = cluster === null ? 'cluster_not_found' : 'no_healthy_upstream';
          onFailed(failure);
          return;
        }
        endpoint.active++;
        const { cluster: policy, endpoint: target } = endpoint;
        const triedAt = parts.clock.monotonic();
        const failed = (kind: ConnectFailure, detail: string): void => {
          endpoint?.outcome('local-error', parts.clock.monotonic() - triedAt);
          if (endpoint !== null) endpoint.active--;
          if (left > 1) {
            attempt(left - 1);
            return;
          }
          endpoint = null;
          flag = 'UF';
          failure = `${kind}: ${detail}`;
          onFailed(failure);
        };
        const connected = (stream: ByteStream): void => {
          // To outlier detection a connection is what an answer is to HTTP.
          endpoint?.outcome(200, parts.clock.monotonic() - triedAt);
          counters = open(target);
          if (parts.taps.active) parts.taps.connection('opened', tapped(counters.edge, 0, 0, 0));
          onConnected(stream);
        };
        giveUp = parts.connector.connect(policy, target, connected, failed, true);
      };
      attempt(tries);
      return () => giveUp();
    },
    closed(received, sent) {
      if (endpoint !== null) endpoint.active--;
      if (counted) cluster?.breaker.endConnection();
      counters ??= open(null);
      if (flag !== '-') counters.failed++;
      counters.close(received, sent);
      const durationMs = parts.clock.monotonic() - startedAt;
      if (parts.taps.active) parts.taps.connection('closed', tapped(counters.edge, durationMs, received, sent));
      if (!parts.accessLog.on) return;
      parts.accessLog.write({
        startMs: parts.clock.now() - durationMs,
        method: '',
        path: '',
        protocol: '',
        status: 0,
        flag,
        details: '',
        transportFailure: failure.replaceAll(' ', '_'),
        bytesReceived: received,
        bytesSent: sent,
        durationMs,
        upstreamServiceTime: '',
        forwardedFor: '',
        userAgent: '',
        requestId: '',
        authority: '',
        upstreamHost: endpoint?.address ?? '',
        upstreamCluster: cluster?.name ?? '',
        upstreamLocalAddress: '',
        downstreamLocalAddress: `${downstream.localAddress}:${downstream.localPort}`,
        downstreamRemoteAddress: `${downstream.remoteAddress}:${downstream.remotePort}`,
        serverName: downstream.serverName ?? '',
        routeName: '',
        peer: downstream.peer?.spiffeId ?? '',
        caller: knownName(counters.edge.sourceApp),
        called: knownName(counters.edge.destinationService),
      });
    },
  };
  return faults === null ? upstream : withFaults(upstream, faults, downstream.stream, parts.clock);
}
