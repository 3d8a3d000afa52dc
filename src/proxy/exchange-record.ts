import type { Exchange } from './exchange.ts';

/** Counts a finished exchange and writes its access log line. */
export function recordExchange(exchange: Exchange): void {
  const { parts, decision, endpoint, client } = exchange;
  const durationMs = parts.clock.monotonic() - exchange.startedAt;
  const requests = decision.requests ?? endpoint?.requests ?? decision.cluster?.requests ?? client.role.unrouted;
  requests.count(exchange.status, exchange.flag, durationMs);
  if (!parts.logsAccess()) return;
  parts.access({
    startMs: parts.clock.now() - durationMs,
    method: exchange.method,
    path: exchange.target,
    protocol: exchange.method === '' ? '' : `HTTP/1.${exchange.minor}`,
    status: exchange.status,
    flag: exchange.flag,
    details: exchange.details,
    transportFailure: exchange.transportFailure,
    bytesReceived: exchange.bytesReceived,
    bytesSent: exchange.bytesSent,
    durationMs,
    upstreamServiceTime: exchange.serviceTime,
    forwardedFor: exchange.forwardedFor,
    userAgent: exchange.userAgent,
    requestId: decision.requestId,
    authority: exchange.authority,
    upstreamHost: endpoint?.address ?? '',
    upstreamCluster: decision.cluster?.name ?? '',
    upstreamLocalAddress: '',
    downstreamLocalAddress: client.local,
    downstreamRemoteAddress: client.remote,
    serverName: '',
    routeName: decision.route?.name ?? 'default',
  });
}
