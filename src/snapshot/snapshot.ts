/**
 * THE CONTRACT between the planes: what one sidecar runs. The control plane compiles one `Snapshot` per workload;
 * the sidecar decodes it, checks it again and swaps it in whole. Everything is canonical: milliseconds, bytes,
 * every default filled, every list sorted. A consumer decides nothing that could have been decided at compile time.
 */

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
  readonly inbound: readonly InboundListener[];
  readonly outbound: readonly OutboundListener[];
  readonly gateway: readonly GatewayListener[];
  readonly routeTables: readonly RouteTable[];
  readonly clusters: readonly Cluster[];
  readonly dns: readonly DnsRecord[];
  /** What happens to connections whose original destination no outbound listener knows. */
  readonly egress: EgressPolicy;
  readonly accessLog: AccessLogFormat;
}

/** `allow-any` lets unknown destinations through, `registry-only` refuses them. */
export type EgressPolicy = 'allow-any' | 'registry-only';
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
}

/** One port at the edge of the mesh, plaintext HTTP or raw TCP. */
export interface GatewayListener {
  readonly name: string;
  /** Port inside the gateway's pod. */
  readonly port: number;
  readonly protocol: 'http' | 'tcp';
  readonly routeTable: string;
  readonly tcp: readonly WeightedCluster[];
}

/** The rules of one listener, by host. */
export interface RouteTable {
  readonly name: string;
  readonly virtualHosts: readonly VirtualHost[];
}

/** The rules of some hosts. */
export interface VirtualHost {
  readonly name: string;
  /** Lower case, without port: exact, `*.suffix`, `prefix.*` or `*`. Longest exact > suffix > prefix > `*`. */
  readonly domains: readonly string[];
  /** First match wins. None: 404 NR. */
  readonly rules: readonly RouteRule[];
}

/** Requests that match share one action and one policy. */
export interface RouteRule {
  /** For logs, metrics and `proxy-config`. */
  readonly name: string;
  /** OR; empty = every request. */
  readonly matches: readonly RouteMatch[];
  readonly action: RouteAction;
  /** Whole-request timeout in ms covering all tries; `null` = none. */
  readonly timeoutMs: number | null;
  readonly retry: RetryPolicy | null;
}

/** All given conditions must hold (AND). */
export interface RouteMatch {
  readonly path: PathMatch | null;
  /** Empty = any; upper case tokens. */
  readonly methods: readonly string[];
  readonly headers: readonly NamedMatch[];
  readonly query: readonly NamedMatch[];
}

/** `prefix` compares whole segments: `/a` matches `/a` and `/a/b`, not `/ab`. Query never included. `regex`: whole path. */
export interface PathMatch {
  readonly kind: 'exact' | 'prefix' | 'regex';
  readonly value: string;
}

/** Header names are lower case. `regex` must match the whole value. `value` is empty for `present` and `absent`. */
export interface NamedMatch {
  readonly name: string;
  readonly kind: 'exact' | 'prefix' | 'regex' | 'present' | 'absent';
  readonly value: string;
}

/** What happens to a request that matches. */
export type RouteAction = { readonly kind: 'forward'; readonly split: readonly WeightedCluster[] };

/** Weights are relative; one entry only: the weight is ignored. Entries of weight 0 are not compiled when there are several. */
export interface WeightedCluster {
  readonly cluster: string;
  readonly weight: number;
}

/** Envoy's retry kinds that this version implements. */
export type RetryCondition = 'connect-failure' | 'reset' | '5xx' | 'gateway-error' | 'retriable-status-codes';

/** When and how often a request is tried again. */
export interface RetryPolicy {
  /** Retries after the first try. */
  readonly attempts: number;
  readonly on: readonly RetryCondition[];
  readonly statusCodes: readonly number[];
  readonly perTryTimeoutMs: number | null;
  /** Methods that may be tried again; a connect failure is retried for every method. */
  readonly methods: readonly string[];
  /** Back-off before retry n: uniform in [0, (2^n - 1) * base), capped at ten times base. */
  readonly backoffBaseMs: number;
}

/** Named set of endpoints with the policy for reaching them. */
export interface Cluster {
  /** `outbound|9080|v1|reviews`. */
  readonly name: string;
  readonly service: string;
  /** Version, or the empty string for all versions. */
  readonly subset: string;
  readonly port: number;
  readonly endpoints: readonly Endpoint[];
  readonly balancer: 'round-robin' | 'least-request';
  readonly connectTimeoutMs: number;
  /** SPIFFE IDs that the server may present (secure naming). */
  readonly identities: readonly string[];
  /** Idle pooled upstream connections are closed after this long. */
  readonly idleTimeoutMs: number;
}

/** One workload that serves a cluster. */
export interface Endpoint {
  readonly workload: string;
  /** IPv4 address of the pod. */
  readonly address: string;
  readonly port: number;
  readonly tls: 'mtls' | 'plain';
}

/** A name of the mesh and its virtual address. */
export interface DnsRecord {
  /** Lower case, no trailing dot. */
  readonly name: string;
  readonly address: string;
}

/** Deny rules first, then: no allow rule and default allow → allowed; an allow rule matches → allowed; else denied. */
export interface AccessPolicy {
  readonly default: 'allow' | 'deny';
  readonly rules: readonly AccessRule[];
}

/** Fields AND, values of one field OR, an empty list = any. */
export interface AccessRule {
  readonly name: string;
  readonly action: 'allow' | 'deny';
  /** SPIFFE IDs of callers; `*` = any authenticated caller. Plaintext callers never match a non-empty list. */
  readonly principals: readonly string[];
  readonly methods: readonly string[];
  /** `/a` exact, `/a*` prefix, `*.css` suffix; judged on the normalised path without query. */
  readonly paths: readonly string[];
  readonly hosts: readonly string[];
}
