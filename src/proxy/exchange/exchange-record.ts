import { knownName } from '../edges.ts';
import type { ExchangeClient } from './exchange-client.ts';
import type { ExchangeFacts } from './exchange-facts.ts';
import type { ExchangeParts } from './exchange-parts.ts';

/** Counts a finished exchange and writes its access log line. */
export function recordExchange(facts: ExchangeFacts, client: ExchangeClient, parts: ExchangeParts): void {
  const { decision, endpoint } = facts;
  const durationMs = parts.clock.monotonic() - facts.startedAt;
  const requests = decision.requests ?? endpoint?.requests ?? decision.cluster?.requests ?? client.role.unrouted;
  requests.count(facts, durationMs);
  if (decision.trace !== null) parts.tracer.end(decision.trace, facts, client, durationMs);
  requests.tally.count(facts, decision.route?.fullName ?? null);
  if (facts.tap !== null) parts.taps.end(facts.tap, facts, client, requests.edge, durationMs);
  if (!parts.accessLog.on) return;
  const { edge } = requests;
  parts.accessLog.write({
    startMs: parts.clock.now() - durationMs,
    method: facts.method,
    path: decision.path === '' ? facts.target : decision.path,
    protocol: facts.method === '' ? '' : facts.protocol,
    status: facts.status,
    flag: facts.flag,
    details: decision.marks === '' ? facts.details : `${facts.details}${facts.details === '' ? '' : ';'}${decision.marks}`,
    transportFailure: facts.transportFailure,
    bytesReceived: facts.bytesReceived,
    bytesSent: facts.bytesSent,
    durationMs,
    upstreamServiceTime: facts.serviceTime,
    forwardedFor: facts.forwardedFor,
    userAgent: facts.userAgent,
    requestId: decision.requestId,
    authority: facts.authority,
    upstreamHost: endpoint?.address ?? '',
    upstreamCluster: decision.cluster?.name ?? '',
    upstreamLocalAddress: '',
    downstreamLocalAddress: client.local,
    downstreamRemoteAddress: client.remote,
    serverName: client.role.serverName ?? '',
    // Where rules choose the way, none of them chose it.
    routeName: decision.route?.name ?? (client.role.callerSide ? '' : 'default'),
    peer: client.role.peer ?? '',
    caller: knownName(edge.sourceApp),
    called: knownName(edge.destinationService),
  });
}
