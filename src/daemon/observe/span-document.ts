import type { SpanDocument, SpanEvent } from '../../api/trace.ts';
import type { RetriedTry, SpanFacts } from '../../snapshot/observation.ts';

/** Whose sidecar told a span. */
export interface SpanSource {
  readonly name: string;
  readonly service: string;
  readonly version: string;
}

/** A span with its source. */
export interface TracedSpan {
  readonly facts: SpanFacts;
  readonly from: SpanSource;
}

/** The answer failed, or there was none. */
export function hasFailed({ status, grpcStatus }: SpanFacts): boolean {
  return status === 0 || status >= 500 || (grpcStatus !== null && grpcStatus !== '0');
}

/** `GET /reviews/{*}`; of gRPC the method, `shop.Ratings/Get`. */
export function spanName({ method, path, grpcStatus }: SpanFacts): string {
  return grpcStatus === null ? `${method} ${path}` : path.slice(1);
}

/** A span in OpenTelemetry's words. @see https://opentelemetry.io/docs/specs/semconv/http/http-spans/ */
export function spanDocument({ facts, from }: TracedSpan): SpanDocument {
  const { traceId, spanId, parentId, side, startMs, durationMs } = facts;
  return {
    traceId,
    spanId,
    parentId,
    kind: side,
    name: spanName(facts),
    startMs,
    durationMs,
    service: from.service,
    workload: from.name,
    version: from.version,
    peer: side === 'client' ? facts.to : facts.peer,
    attributes: attributesOf(facts),
    events: facts.retries.map(eventOf),
    error: isError(facts),
  };
}

/** As the conventions say: what the client did wrong is no error of the server's. */
function isError(facts: SpanFacts): boolean {
  return hasFailed(facts) || (facts.side === 'client' && facts.status >= 400);
}

function attributesOf(facts: SpanFacts): SpanDocument['attributes'] {
  const { side, target, authority, status, grpcStatus, flag, details, attempts } = facts;
  const [path = '', query] = target.split('?', 2);
  const [host, port] = hostAndPort(authority);
  const [peerHost, peerPort] = hostAndPort(facts.peerAddress);
  const isClient = side === 'client';
  const all: Record<string, string | number | boolean | undefined> = {
    'http.request.method': facts.method,
    'url.full': isClient ? `http://${authority}${target}` : undefined,
    'url.path': isClient ? undefined : path,
    'url.query': isClient ? undefined : query,
    'url.scheme': 'http',
    'url.template': facts.path,
    'server.address': host,
    'server.port': port,
    'network.protocol.name': 'http',
    'network.protocol.version': facts.protocol.slice('HTTP/'.length),
    'network.peer.address': peerHost,
    'network.peer.port': peerPort,
    'client.address': isClient ? undefined : peerHost,
    'user_agent.original': facts.userAgent,
    'http.response.status_code': status === 0 ? undefined : status,
    'http.request.body.size': facts.bytesReceived,
    'http.response.body.size': facts.bytesSent,
    'http.request.resend_count': attempts > 1 ? attempts - 1 : undefined,
    'error.type': isError(facts) ? errorType(facts) : undefined,
    'rpc.system': grpcStatus === null ? undefined : 'grpc',
    'rpc.grpc.status_code': grpcStatus === null || grpcStatus === '' ? undefined : Number(grpcStatus),
    'mesh.request_id': facts.requestId,
    'mesh.route': facts.rule,
    'mesh.peer': facts.peer,
    'mesh.response_flags': flag === '-' ? undefined : flag,
    'mesh.response_code_details': details === 'via_upstream' ? undefined : details,
    'mesh.fault.delay_ms': facts.delayMs === 0 ? undefined : facts.delayMs,
  };
  return Object.fromEntries(
    Object.entries(all).filter(
      (entry): entry is [string, string | number | boolean] => entry[1] !== undefined && entry[1] !== '',
    ),
  );
}

function errorType({ status, grpcStatus, flag }: SpanFacts): string {
  if (grpcStatus !== null && grpcStatus !== '' && grpcStatus !== '0') return grpcStatus;
  return status === 0 ? flag : String(status);
}

function eventOf({ atMs, workload, address, outcome }: RetriedTry, index: number): SpanEvent {
  const [host = '', port] = hostAndPort(address);
  return {
    atMs,
    name: 'retry',
    attributes: {
      'mesh.attempt': index + 1,
      'mesh.peer': workload,
      'mesh.outcome': outcome,
      'network.peer.address': host,
      ...(port === undefined ? {} : { 'network.peer.port': port }),
    },
  };
}

function hostAndPort(authority: string): readonly [string | undefined, number | undefined] {
  const [, host = authority, port] = /^(.*):(\d{1,5})$/.exec(authority) ?? [];
  return [host === '' ? undefined : host, port === undefined ? undefined : Number(port)];
}
