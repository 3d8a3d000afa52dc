import { ClusterMetrics } from './cluster-metrics.ts';
import { EdgeTally } from './edge-tally.ts';
import { counterText, gaugeText, histogramText, labels } from './exposition.ts';
import type { GrpcCallMessages } from './grpc-messages.ts';
import { Histogram } from './histogram.ts';
import type { ResponseFlag } from './response-flag.ts';

/** The two ends of a conversation as metrics name them. A missing fact is `unknown`. */
export interface Edge {
  /** Which sidecar counts. */
  readonly reporter: 'source' | 'destination';
  readonly sourceWorkload: string;
  readonly sourceNamespace: string;
  readonly sourceApp: string;
  readonly sourceVersion: string;
  readonly sourcePrincipal: string;
  /** Name of the mesh that the caller is in. */
  readonly sourceCluster: string;
  readonly destinationWorkload: string;
  readonly destinationNamespace: string;
  readonly destinationService: string;
  readonly destinationVersion: string;
  readonly destinationPrincipal: string;
  readonly destinationCluster: string;
  readonly security: 'mutual_tls' | 'none' | 'unknown';
}

/** What is counted of a finished request. */
export interface RequestFacts {
  /** 0 where no answer was sent. */
  readonly status: number;
  readonly flag: ResponseFlag;
  /** The empty string where a gRPC call has none, `null` for other requests. */
  readonly grpcStatus: string | null;
  /** Of the request's body. */
  readonly bytesReceived: number;
  /** Of the answer's body. */
  readonly bytesSent: number;
  /** `null`: not a gRPC call. */
  readonly messages: GrpcCallMessages | null;
}

/** Requests of one edge with one outcome. Counting is two additions; callers keep the object. */
class RequestSeries {
  readonly labels: string;
  readonly durations: Histogram = new Histogram();
  readonly received: Histogram = new Histogram();
  readonly sent: Histogram = new Histogram();
  requests = 0;
  messagesReceived = 0;
  messagesSent = 0;

  constructor(set: string) {
    this.labels = set;
  }

  count(durationMs: number, received: number, sent: number): void {
    this.requests++;
    this.durations.record(durationMs);
    this.received.record(received);
    this.sent.record(sent);
  }
}

/** Outcomes of one edge. */
export class EdgeRequests {
  readonly edge: Edge;
  readonly tally: EdgeTally = new EdgeTally();
  readonly #edge: string;
  readonly #plain: (RequestSeries | undefined)[] = [];
  readonly #flagged = new Map<string, RequestSeries>();
  #outcomes = 0;

  constructor(edge: Edge) {
    this.edge = edge;
    this.#edge = edgeLabels(edge);
  }

  /** Counts one request. */
  count({ status, flag, grpcStatus, bytesReceived, bytesSent, messages }: RequestFacts, durationMs: number): void {
    const plain = flag === '-' && grpcStatus === null ? this.#plain[status] : undefined;
    const series = plain ?? this.#make(status, flag, grpcStatus);
    series.count(durationMs, bytesReceived, bytesSent);
    if (messages === null) return;
    series.messagesReceived += messages.received.count;
    series.messagesSent += messages.sent.count;
  }

  *series(): Iterable<RequestSeries> {
    for (const one of this.#plain) if (one !== undefined) yield one;
    yield* this.#flagged.values();
  }

  #make(status: number, flag: ResponseFlag, grpcStatus: string | null): RequestSeries {
    const key = `${status}${flag}${grpcStatus === null ? '' : ` ${grpcStatus}`}`;
    const known = this.#flagged.get(key);
    if (known !== undefined) return known;
    // A server that makes codes up does not fill the memory of its callers' sidecars.
    if (this.#outcomes >= maxOutcomes) return this.#otherwise(grpcStatus !== null);
    const series = this.#series(String(status), flag, grpcStatus);
    this.#outcomes++;
    if (flag === '-' && grpcStatus === null) this.#plain[status] = series;
    else this.#flagged.set(key, series);
    return series;
  }

  #otherwise(grpc: boolean): RequestSeries {
    const key = grpc ? 'other grpc' : 'other';
    const series = this.#flagged.get(key) ?? this.#series('other', 'other', grpc ? 'other' : null);
    this.#flagged.set(key, series);
    return series;
  }

  #series(code: string, flag: string, grpcStatus: string | null): RequestSeries {
    return new RequestSeries(
      `${this.#edge},${labels({
        request_protocol: grpcStatus === null ? 'http' : 'grpc',
        response_code: code,
        ...(grpcStatus === null ? {} : { grpc_response_status: grpcStatus }),
        response_flags: flag,
      })}`,
    );
  }
}

/** TCP connections of one edge. */
export class EdgeConnections {
  readonly edge: Edge;
  readonly labels: string;
  /** Of those opened: no endpoint could be reached, or a fault cut them. */
  failed = 0;
  /** Refused by access rules; not among those opened. */
  denied = 0;
  opened = 0;
  closed = 0;
  received = 0;
  sent = 0;

  constructor(edge: Edge) {
    this.edge = edge;
    this.labels = `${edgeLabels(edge)},${labels({ request_protocol: 'tcp' })}`;
  }

  /** `received`: bytes from downstream, `sent`: bytes to downstream. */
  close(received: number, sent: number): void {
    this.closed++;
    this.received += received;
    this.sent += sent;
  }
}

/** All counters of one sidecar. Kept for its whole life: counters never go back while it runs. */
export class MeshMetrics {
  readonly #http = new Map<string, EdgeRequests>();
  readonly #tcp = new Map<string, EdgeConnections>();
  /** Messages refused as broken HTTP, by status. */
  readonly refused = new Map<number, number>();
  /** What clusters' policies did. */
  readonly clusters: ClusterMetrics = new ClusterMetrics();

  /** The same object for an equal edge. Callers look it up once per connection or configuration, not per request. */
  requests(edge: Edge): EdgeRequests {
    return remember(this.#http, edge, one => new EdgeRequests(one));
  }

  connections(edge: Edge): EdgeConnections {
    return remember(this.#tcp, edge, one => new EdgeConnections(one));
  }

  /** Connections that are open now, as a gauge. `http`: by where they came in. `callers`: where those come in that this sidecar counts as the caller. */
  openText(http: Readonly<Record<string, number>>, callers: 'outbound' | 'gateway'): string {
    const tcp = { source: 0, destination: 0 };
    for (const { edge, opened, closed } of this.#tcp.values()) tcp[edge.reporter] += opened - closed;
    return gaugeText('mesh_connections_open', 'Connections of clients that are open, HTTP and raw TCP.', [
      ...Object.entries(http).map(([listener, open]) => [labels({ listener, protocol: 'http' }), open] as const),
      [labels({ listener: callers, protocol: 'tcp' }), tcp.source],
      [labels({ listener: 'inbound', protocol: 'tcp' }), tcp.destination],
    ]);
  }

  /** Every edge of HTTP, busy or not. */
  get requestEdges(): Iterable<EdgeRequests> {
    return this.#http.values();
  }

  /** Every edge of raw TCP, busy or not. */
  get connectionEdges(): Iterable<EdgeConnections> {
    return this.#tcp.values();
  }

  refuse(status: number): void {
    this.refused.set(status, (this.refused.get(status) ?? 0) + 1);
  }

  /** Prometheus text exposition. */
  text(): string {
    const series = [...this.#http.values()].flatMap(edge => [...edge.series()]);
    const calls = series.filter(({ messagesReceived, messagesSent }) => messagesReceived + messagesSent > 0);
    const tcp = [...this.#tcp.values()].filter(({ opened }) => opened > 0);
    return [
      counterText(
        'istio_requests_total',
        'HTTP requests.',
        series.map(s => [s.labels, s.requests]),
      ),
      histogramText(
        'istio_request_duration_milliseconds',
        'Duration of HTTP requests in ms.',
        series.map(s => [s.labels, s.durations]),
      ),
      histogramText(
        'istio_request_bytes',
        'Bytes of the bodies of HTTP requests.',
        series.map(s => [s.labels, s.received]),
      ),
      histogramText(
        'istio_response_bytes',
        'Bytes of the bodies of HTTP answers.',
        series.map(s => [s.labels, s.sent]),
      ),
      counterText(
        'istio_request_messages_total',
        'Messages of gRPC clients.',
        calls.map(s => [s.labels, s.messagesReceived]),
      ),
      counterText(
        'istio_response_messages_total',
        'Messages of gRPC servers.',
        calls.map(s => [s.labels, s.messagesSent]),
      ),
      counterText(
        'istio_tcp_connections_opened_total',
        'TCP connections opened.',
        tcp.map(s => [s.labels, s.opened]),
      ),
      counterText(
        'istio_tcp_connections_closed_total',
        'TCP connections closed.',
        tcp.map(s => [s.labels, s.closed]),
      ),
      counterText(
        'istio_tcp_received_bytes_total',
        'Bytes received from downstream.',
        tcp.map(s => [s.labels, s.received]),
      ),
      counterText(
        'istio_tcp_sent_bytes_total',
        'Bytes sent to downstream.',
        tcp.map(s => [s.labels, s.sent]),
      ),
      counterText(
        'mesh_http_refused_total',
        'Messages refused as not being HTTP/1.1.',
        [...this.refused].map(([s, n]) => [labels({ status: String(s) }), n]),
      ),
      this.clusters.text(),
    ].join('');
  }
}

/** Peers bring their own names; past this many edges new ones are counted together, so that nobody can fill the memory. */
const maxEdges = 4096;
/** Codes, gRPC statuses and flags of one edge; more of them are counted as `other`. */
const maxOutcomes = 100;

function remember<T>(map: Map<string, T>, edge: Edge, make: (edge: Edge) => T): T {
  const key = edgeLabels(edge);
  const known = map.get(key);
  if (known !== undefined) return known;
  if (map.size < maxEdges) {
    const value = make(edge);
    map.set(key, value);
    return value;
  }
  const value = map.get(edge.reporter) ?? make(overflow(edge));
  map.set(edge.reporter, value);
  return value;
}

/** What all edges that are too many are counted as. */
function overflow({ reporter, security }: Edge): Edge {
  return {
    reporter,
    sourceWorkload: 'overflow',
    sourceNamespace: 'overflow',
    sourceApp: 'overflow',
    sourceVersion: 'overflow',
    sourcePrincipal: 'overflow',
    sourceCluster: 'overflow',
    destinationWorkload: 'overflow',
    destinationNamespace: 'overflow',
    destinationService: 'overflow',
    destinationVersion: 'overflow',
    destinationPrincipal: 'overflow',
    destinationCluster: 'overflow',
    security,
  };
}

function edgeLabels(edge: Edge): string {
  return labels({
    reporter: edge.reporter,
    source_workload: edge.sourceWorkload,
    source_workload_namespace: edge.sourceNamespace,
    source_app: edge.sourceApp,
    source_version: edge.sourceVersion,
    source_principal: edge.sourcePrincipal,
    source_cluster: edge.sourceCluster,
    source_canonical_service: edge.sourceApp,
    source_canonical_revision: edge.sourceVersion,
    destination_workload: edge.destinationWorkload,
    destination_workload_namespace: edge.destinationNamespace,
    destination_app: edge.destinationService,
    destination_service: edge.destinationService,
    destination_service_name: edge.destinationService,
    destination_service_namespace: edge.destinationNamespace,
    destination_version: edge.destinationVersion,
    destination_canonical_service: edge.destinationService,
    destination_canonical_revision: edge.destinationVersion,
    destination_principal: edge.destinationPrincipal,
    destination_cluster: edge.destinationCluster,
    connection_security_policy: edge.security,
  });
}
