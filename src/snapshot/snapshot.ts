/**
 * THE CONTRACT between the planes: what one sidecar runs. The control plane compiles one `Snapshot` per workload;
 * the sidecar decodes it, checks it again and swaps it in whole. Everything is canonical: milliseconds, bytes,
 * every default filled, every list sorted. A consumer decides nothing that could have been decided at compile time.
 * An optional field that is absent is a feature that is not configured: it costs nothing on the request's way.
 */
import type { AccessPolicy, ExternalAuthorizer, PathNormalization } from './access-policy.ts';
import type { ConnectionLimits, HashPolicy, HealthCheck, OutlierPolicy, TlsOrigination } from './cluster-policy.ts';
import type { Fault, RateLimit, RouteTable, WeightedCluster } from './route-rule.ts';
import type { TokenIssuer } from './token-policy.ts';

/** A complete, self-contained configuration of one sidecar. */
export interface Snapshot {
  /** Names the content of everything else in the snapshot: equal content, equal version. Made with `contentHash`; only compared, never recomputed. */
  readonly version: string;
  /** Workload this was compiled for, e.g. `reviews-v1-1`. */
  readonly workload: string;
  /** Mesh service (or gateway) that the workload belongs to. */
  readonly service: string;
  /** Version of the service (`v1`), or the empty string where a service has no versions. */
  readonly serviceVersion: string;
  readonly kind: 'sidecar' | 'gateway';
  /** SPIFFE trust domain, e.g. `bookshop.local`. */
  readonly trustDomain: string;
  /** Name of the mesh, as metrics say it. Absent: unknown. */
  readonly mesh?: string;
  /** SPIFFE ID of the workload: what it shows and what it is counted as. */
  readonly identity: string;
  /** Asked of connections to ports that no listener has. Absent: `strict`, which refuses them. */
  readonly mtls?: MtlsMode;
  readonly inbound: readonly InboundListener[];
  readonly outbound: readonly OutboundListener[];
  readonly gateway: readonly GatewayListener[];
  readonly routeTables: readonly RouteTable[];
  readonly clusters: readonly Cluster[];
  readonly dns: readonly DnsRecord[];
  /** Names outside the mesh that have no virtual address, because nobody knows them all. */
  readonly wildcards?: readonly WildcardListener[];
  /** What happens to connections whose original destination no outbound listener knows. */
  readonly egress: EgressPolicy;
  readonly accessLog: AccessLogFormat;
  /** Absent: trace context is left as it comes, and no spans are made. */
  readonly tracing?: Tracing;
  /** Only what it holds for is logged, in the language of `parseFilter`. Absent: everything. */
  readonly accessLogFilter?: string;
  /** Makes every draw of this sidecar repeatable: splits, fault and mirror percentages, jitter. Absent: drawn from the system's randomness. */
  readonly seed?: number;
  /** Whom rules with action `custom` ask. */
  readonly authorizers?: readonly ExternalAuthorizer[];
  /** SPIFFE IDs of the gateways that read what they pass on: what they say of their clients is true. Of nobody else's bytes that is known. Absent: none. */
  readonly edges?: readonly string[];
  /** The pods of the mesh, so that metrics name who calls, and scrapers find them. Nobody is let in by it. Absent: none. */
  readonly peers?: readonly Peer[];
  /** IPv4 addresses of the pods that may read this sidecar's metrics, beside the host. Absent: none. */
  readonly scrapers?: readonly string[];
  /** The app is a scraper: its sidecar tells it the pods, and lets it reach their metrics. */
  readonly scrapes?: true;
  /** Where the app beside the sidecar has metrics of its own. */
  readonly appMetrics?: AppMetrics;
}

/** Where an app has its own metrics, as Prometheus text. */
export interface AppMetrics {
  readonly port: number;
  /** With its query, if any. */
  readonly path: string;
}

/** A pod that may call. What connects from its address with its identity is it. */
export interface Peer {
  /** IPv4 address of the pod. */
  readonly address: string;
  readonly workload: string;
  readonly service: string;
  /** Version of the service, or the empty string. */
  readonly version: string;
  /** SPIFFE ID. */
  readonly identity: string;
}

/** `allow-any` lets unknown destinations through, `registry-only` refuses them. */
export type EgressPolicy = 'allow-any' | 'registry-only';
/** How requests are traced. */
export interface Tracing {
  /** Part of the requests that is sampled where nobody before has decided, 0–1. */
  readonly sample: number;
  /** Forms that the context is written in. All of them are read. */
  readonly propagation: readonly Propagation[];
}

/** A form of trace context: `traceparent`, `b3`, or the `x-b3-…` fields. */
export type Propagation = 'w3c' | 'b3' | 'b3-multi';

/** Form of the access log. */
export type AccessLogFormat = 'off' | 'text' | 'json';
/** Whether plaintext is taken from other pods: `strict` refuses it, `permissive` takes both, `disabled` sends it too. */
export type MtlsMode = 'strict' | 'permissive' | 'disabled';
/** `auto`: HTTP is told by the client's first bytes; only where neither config, port nor image says the protocol. */
export type ListenerProtocol = 'http' | 'tcp' | 'auto';

/** One port of the app beside the sidecar, reached through interception on 15006. */
export interface InboundListener {
  /** Port on the pod as peers dial it; equals the app's port. */
  readonly port: number;
  readonly protocol: ListenerProtocol;
  readonly mtls: MtlsMode;
  /** The port is published on the host: plaintext from the host itself is admitted, whatever `mtls` asks of everybody else. */
  readonly published: boolean;
  /** Name for metrics and logs: `inbound|9080||reviews`. */
  readonly cluster: string;
  /** `null`: no access rules, everybody whom mTLS admits may call. */
  readonly access: AccessPolicy | null;
  /** Absent: `strict` where something judges the path, else it goes on as it came. */
  readonly pathNormalization?: PathNormalization;
  /** Tokens that are looked for in every request. */
  readonly tokens?: readonly TokenIssuer[];
  /** HTTP version that the app is spoken to. Absent: the caller's own. */
  readonly appProtocol?: UpstreamProtocol;
  /** All of them must let a request pass. */
  readonly rateLimits?: readonly RateLimit[];
}

/** One virtual address and port that the app may dial, reached through interception on 15001. */
export interface OutboundListener {
  /** Virtual IPv4 address from 240.240.0.0/16. */
  readonly address: string;
  readonly port: number;
  readonly protocol: ListenerProtocol;
  /** Mesh service behind the address. */
  readonly service: string;
  /** Name of the `RouteTable` used for HTTP. */
  readonly routeTable: string;
  /** Where a raw TCP connection goes (protocol `tcp`, or `auto` that turned out not to be HTTP). */
  readonly tcp: readonly WeightedCluster[];
  /** Faults of raw TCP connections: `delay`, `reset`, `blackhole`, `bandwidth`. */
  readonly tcpFaults?: readonly Fault[];
  /** Protocol `http`: a connection that begins with TLS goes here as it is. Absent: it is no HTTP, and answered with 400. */
  readonly tlsPassthrough?: readonly WeightedCluster[];
}

/** Connections to a port of unknown addresses, told by the host that they name: by SNI (`tls`) or Host (`http`). They go on to where they were going. */
export interface WildcardListener {
  /** External service. */
  readonly service: string;
  readonly port: number;
  readonly protocol: 'http' | 'tls';
  /** Lower case `*.suffix`. */
  readonly hosts: readonly string[];
  /** Name of the `RouteTable`, for `http`. */
  readonly routeTable: string;
  /** For `tls`. */
  readonly tcp: readonly WeightedCluster[];
}

/** One port at the edge of the mesh. */
export interface GatewayListener {
  readonly name: string;
  /** Port inside the gateway's pod. */
  readonly port: number;
  /** `tls`: TLS that is not ended here, routed by its SNI with `sni`. */
  readonly protocol: 'http' | 'tcp' | 'tls';
  readonly routeTable: string;
  readonly tcp: readonly WeightedCluster[];
  /** As `OutboundListener.tcpFaults`. */
  readonly tcpFaults?: readonly Fault[];
  /** TLS is ended here. */
  readonly tls?: GatewayTls;
  /** Plain HTTP is answered with 301 to the same URL with https; the number is the port on the host. */
  readonly httpsRedirectPort?: number;
  /** Protocol `tls`: first entry of the most exact host wins; none: the connection is closed. */
  readonly sni?: readonly SniRoute[];
  /** Judged before a rule is looked for. Absent: everybody may call. */
  readonly access?: AccessPolicy;
  /** As in `InboundListener`. */
  readonly pathNormalization?: PathNormalization;
  /** As in `InboundListener`. */
  readonly tokens?: readonly TokenIssuer[];
  /** Proxies in front of the gateway whose `x-forwarded-for` is believed. Absent: none, the client's own is thrown away. */
  readonly trustedHops?: number;
}

/** How a gateway ends TLS. The keys come over the control channel (`certificate`), never in a snapshot. */
export interface GatewayTls {
  /** Names of certificates that the daemon sends; the one whose DNS names fit the SNI is used, else the first. */
  readonly certificates: readonly string[];
  readonly minVersion: '1.2' | '1.3';
  /** Clients are asked for a certificate. */
  readonly clients?: GatewayClients;
}

/** Mutual TLS at the edge. */
export interface GatewayClients {
  /** Roots, PEM; the empty string: the mesh's own, of which persons and tests get certificates. */
  readonly caPem: string;
  /** `optional`: whoever has none comes in without identity. */
  readonly mode: 'required' | 'optional';
}

/** Where TLS connections for some server names go, as they are. */
export interface SniRoute {
  /** Lower case: exact or `*.suffix`. */
  readonly hosts: readonly string[];
  readonly split: readonly WeightedCluster[];
}

/** What a server is spoken to. `preserve`: the version that the client speaks. */
export type UpstreamProtocol = 'preserve' | 'http1' | 'http2';

/** Named set of endpoints with the policy for reaching them. */
export interface Cluster {
  /** `outbound|9080|v1|reviews`. */
  readonly name: string;
  readonly service: string;
  /** Version, or the empty string for all versions. */
  readonly subset: string;
  readonly port: number;
  readonly endpoints: readonly Endpoint[];
  readonly balancer: BalancerKind;
  readonly connectTimeoutMs: number;
  /** SPIFFE IDs that the server may present (secure naming). */
  readonly identities: readonly string[];
  /** Idle pooled upstream connections are closed after this long. */
  readonly idleTimeoutMs: number;
  /** Balancer `ring-hash`: what is hashed. */
  readonly hash?: HashPolicy;
  /** A new endpoint gets a share that grows from a tenth to its own within this time. */
  readonly slowStartMs?: number;
  readonly limits?: ConnectionLimits;
  readonly outliers?: OutlierPolicy;
  readonly healthCheck?: HealthCheck;
  /** Absent: `preserve`. */
  readonly protocol?: UpstreamProtocol;
  /** After so many requests a connection is closed; 1: no keep-alive. */
  readonly maxRequestsPerConnection?: number;
  /** For endpoints with `tls: 'tls'`. */
  readonly tls?: TlsOrigination;
  /** `dns`: endpoints' addresses are host names, resolved by the sidecar and again when their time is over. `original`: no endpoints but where the client was going. */
  readonly resolution?: 'dns' | 'original';
}

/** How one of several endpoints is chosen. */
export type BalancerKind = 'round-robin' | 'least-request' | 'random' | 'ring-hash' | 'peak-ewma';

/** One workload that serves a cluster. */
export interface Endpoint {
  readonly workload: string;
  /** IPv4 address of the pod; outside the mesh an IP address, or a host name where the cluster says `dns`. */
  readonly address: string;
  readonly port: number;
  /** `tls`: as `Cluster.tls` says. */
  readonly tls: 'mtls' | 'plain' | 'tls';
  /** Version of the service that it runs. Absent: the service has none. */
  readonly version?: string;
}

/** A name of the mesh and its virtual address. */
export interface DnsRecord {
  /** Lower case, no trailing dot. */
  readonly name: string;
  readonly address: string;
}
