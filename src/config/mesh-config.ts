/**
 * The canonical configuration: long forms, milliseconds and bytes, every default filled, every reference checked, lists sorted by name.
 * Made by `resolve` from a `MeshSpec`; read by control (compile), runtime (desired pods), daemon and CLI. Pure data, JSON-serialisable.
 */

import type { AccessCondition, AccessRule, ExternalAuthorizer, PathNormalization } from '../snapshot/access-policy.ts';
import type {
  HeaderEdits,
  NamedMatch,
  PathMatch,
  RedirectAction,
  RespondAction,
  RetryPolicy,
  Rewrite,
  RouteRule,
} from '../snapshot/route-rule.ts';
import type {
  AccessLogFormat,
  AppMetrics,
  EgressPolicy,
  GatewayClients,
  ListenerProtocol,
  MtlsMode,
  Tracing,
} from '../snapshot/snapshot.ts';
import type { ClaimMatch, TokenIssuer } from '../snapshot/token-policy.ts';
import type { ServicePolicy } from './service-policy.ts';

/** One mesh. */
export interface MeshConfig {
  /** DNS label. Names the project unless `-p` says otherwise. */
  readonly name: string;
  /** @default `<name>.local` */
  readonly trustDomain: string;
  /** Of gateways, and of services that name none. @default `default` */
  readonly namespace: string;
  readonly identity: IdentityConfig;
  /** Absolute path of the folder that relative paths are resolved against (the folder of mesh.yaml). */
  readonly baseDir: string;
  /** Every file that was read (mesh.yaml, compose files, includes, env files): what the watcher watches. Absolute. */
  readonly files: readonly string[];
  /** Every compose service is one, or a version of one; one-shot jobs are services without ports. */
  readonly services: readonly ServiceConfig[];
  readonly gateways: readonly GatewayConfig[];
  /** Sorted by name. Absent: none. */
  readonly external?: readonly ExternalConfig[];
  readonly volumes: readonly VolumeConfig[];
  readonly secrets: readonly SecretConfig[];
  readonly mtls: MtlsMode;
  readonly access: AccessConfig;
  /** Absent: `strict` where something judges paths. */
  readonly pathNormalization?: PathNormalization;
  /** Whom rules ask. Sorted by name. Absent: nobody. */
  readonly authorizers?: readonly AuthorizerConfig[];
  /** In the order of the file. Absent: nobody looks for tokens. */
  readonly tokens?: readonly TokenIssuerConfig[];
  readonly egress: EgressPolicy;
  /** Makes every draw of the sidecars repeatable. */
  readonly seed?: number;
  /** Absent: off. */
  readonly tracing?: Tracing;
  /** Absent: nobody but the host reads the sidecars' metrics. */
  readonly metrics?: MeshMetricsConfig;
  readonly proxy: ProxyConfig;
}

/** Who reads the metrics of all sidecars. */
export interface MeshMetricsConfig {
  /** Services of the mesh, sorted. */
  readonly scrapers: readonly string[];
}

/** What all identities have in common. */
export interface IdentityConfig {
  /** Life of an SVID, ms. */
  readonly ttlMs: number;
  /** Other names of the trust domain, as rules may write it. Sorted. */
  readonly trustDomainAliases: readonly string[];
}

/** A service: one name, one or more versions behind it. */
export interface ServiceConfig extends ServicePolicy {
  readonly name: string;
  /** Part of the identity and of metrics, not of the DNS name. */
  readonly namespace: string;
  /** Last part of the identity; services may share one. @default the service's name */
  readonly account: string;
  /** Other DNS names of the service (compose aliases, container_name, hostname). */
  readonly aliases: readonly string[];
  /** Empty for jobs and workers that nobody calls. */
  readonly ports: readonly PortConfig[];
  /** As written, for ports that only the image tells. Absent: chosen by port and image. */
  readonly protocol?: ListenerProtocol;
  /** One entry named `''` where a service has no versions. Sorted by name. */
  readonly versions: readonly VersionConfig[];
  readonly mtls: MtlsMode;
  /** Ports with a mode of their own, ascending; also such that are not among `ports`. */
  readonly mtlsPorts?: readonly PortMtls[];
  /** What becomes of calls that no access rule speaks of. Absent: as the mesh says. */
  readonly access?: 'allow' | 'deny';
  /** Absent: as the mesh says. `null`: off. */
  readonly tracing?: Tracing | null;
  /** Where the app has metrics of its own. */
  readonly metrics?: AppMetrics;
  /** Absent: as the mesh says. */
  readonly accessLog?: AccessLogConfig;
  /** Rules of `routes.<service>`, in order. Empty: all versions, evenly over endpoints. */
  readonly routes: readonly RouteRuleConfig[];
}

/** A port that the app listens on. */
export interface PortConfig {
  readonly port: number;
  /** Name from compose or `''`. */
  readonly name: string;
  readonly protocol: ListenerProtocol;
  /** Where the protocol came from, for `mesh config` and `explain`. */
  readonly protocolFrom: 'config' | 'port-name' | 'port-number' | 'image' | 'unknown';
  /** The port's name says HTTP/2 or gRPC. */
  readonly http2?: true;
  /** Known only from the image's EXPOSE: the app may never listen there, so nobody waits for it. */
  readonly exposed?: true;
}

/** The mTLS mode of one port. */
export interface PortMtls {
  readonly port: number;
  readonly mode: MtlsMode;
}

/** A version of a service: what its pods run, and how many there are. */
export interface VersionConfig {
  readonly name: string;
  /** Compose service this version runs as (`reviews-v1`), or the service's own name. */
  readonly composeService: string;
  readonly replicas: number;
  readonly container: ContainerConfig;
}

/** What the app container of a pod is made from: compose's keys in canonical form. */
export interface ContainerConfig {
  /** Image reference; for a build, the tag that the build result gets. */
  readonly image: string;
  readonly pullPolicy: 'missing' | 'always' | 'never';
  readonly build: BuildConfig | null;
  /** `null`: the image's own. */
  readonly command: readonly string[] | null;
  readonly entrypoint: readonly string[] | null;
  /** Sorted by name. */
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDir: string | null;
  readonly user: string | null;
  readonly hostname: string | null;
  readonly domainname: string | null;
  readonly mounts: readonly MountConfig[];
  readonly tmpfs: readonly string[];
  /** Compose's `ports`, published on the pod. The sidecar admits the host itself there without mTLS; see `InboundListener.published`. */
  readonly publish: readonly PublishConfig[];
  readonly extraHosts: readonly string[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly healthcheck: HealthcheckConfig | null;
  readonly dependsOn: readonly DependencyConfig[];
  readonly restart: RestartConfig;
  readonly stopGraceMs: number;
  readonly stopSignal: string | null;
  readonly init: boolean;
  readonly tty: boolean;
  readonly stdinOpen: boolean;
  readonly readOnly: boolean;
  readonly privileged: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly securityOpt: readonly string[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly ulimits: Readonly<Record<string, { readonly soft: number; readonly hard: number }>>;
  readonly memoryBytes: number | null;
  readonly cpus: number | null;
  readonly pidsLimit: number | null;
  readonly shmBytes: number | null;
  readonly platform: string | null;
  /** `driver` `''`: the engine's default one. `null`: bounded, as the mesh thinks best. */
  readonly logging: { readonly driver: string; readonly options: Readonly<Record<string, string>> } | null;
  readonly devices: readonly string[];
  readonly groupAdd: readonly string[];
}

/** How an image is built. */
export interface BuildConfig {
  /** Absolute. */
  readonly context: string;
  /** Relative to the context, and maybe outside of it (`../shared/Dockerfile`), or absolute. */
  readonly dockerfile: string;
  readonly args: Readonly<Record<string, string>>;
  readonly target: string | null;
  readonly labels: Readonly<Record<string, string>>;
}

/** A file, folder or volume in the container. */
export type MountConfig =
  | {
      readonly kind: 'bind';
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly createHostPath: boolean;
    }
  | { readonly kind: 'volume'; readonly source: string; readonly target: string; readonly readOnly: boolean }
  | { readonly kind: 'anonymous'; readonly target: string; readonly readOnly: boolean }
  | { readonly kind: 'secret'; readonly source: string; readonly target: string };

/** One of compose's published ports. */
export interface PublishConfig {
  /** @default 0.0.0.0 in compose; the mesh publishes on 127.0.0.1 unless an address is written. */
  readonly hostAddress: string;
  /** 0 = the engine chooses. */
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp';
}

/** A health check that replaces parts of the image's own; `null` leaves a part as the image has it. */
export interface HealthcheckConfig {
  /** Docker's form: `['CMD', …]`, `['CMD-SHELL', 'line']` or `['NONE']`. Empty: the image's own. */
  readonly test: readonly string[];
  readonly intervalMs: number | null;
  readonly timeoutMs: number | null;
  readonly retries: number | null;
  readonly startPeriodMs: number | null;
}

/** What has to be up before a container starts. */
export interface DependencyConfig {
  /** Mesh service and version it resolves to. `version` `''` = all versions. */
  readonly service: string;
  readonly version: string;
  readonly condition: 'service_started' | 'service_healthy' | 'service_completed_successfully';
  readonly required: boolean;
}

/** When the engine starts an ended app again. */
export interface RestartConfig {
  readonly policy: 'no' | 'always' | 'on-failure' | 'unless-stopped';
  readonly maxRetries: number;
}

/** A port on this machine that leads into the mesh. */
export interface GatewayConfig {
  readonly name: string;
  /** @default 127.0.0.1 */
  readonly hostAddress: string;
  readonly port: number;
  /** `tls`: passed through by server name. */
  readonly protocol: 'http' | 'tcp' | 'tls';
  /** TLS is ended here. */
  readonly tls?: GatewayTlsConfig;
  /** Proxies in front whose `x-forwarded-for` is believed. Absent: none. */
  readonly trustedHops?: number;
  /** Every request is redirected to https on this port of the host. */
  readonly httpsRedirectPort?: number;
  readonly routes: readonly GatewayRouteConfig[];
}

/** How a gateway ends TLS. */
export interface GatewayTlsConfig {
  readonly minVersion: '1.2' | '1.3';
  /** Clients are asked for certificates. */
  readonly clients?: GatewayClients;
  readonly certificate:
    | { readonly kind: 'issued'; readonly names: readonly string[] }
    /** Absolute paths. `fingerprint`: SHA-256 of the certificate file: another certificate in it is another configuration. */
    | { readonly kind: 'files'; readonly cert: string; readonly key: string; readonly fingerprint: string };
}

/** A service outside the mesh: dialled and routed as one inside; it has no pods. */
export interface ExternalConfig extends ServiceConfig {
  /** Exact names that get virtual addresses. */
  readonly hosts: readonly string[];
  /** `*.suffix`: passed on to where the name leads. */
  readonly wildcards: readonly string[];
  /** `tls`: passed through by server name. */
  readonly speaks: 'http' | 'tcp' | 'tls';
  /** Empty: the hosts are resolved by the sidecar. */
  readonly addresses: readonly string[];
  /** Made by the sidecar. `serverName` `''`: the host. */
  readonly tls?: { readonly serverName: string; readonly caPem?: string; readonly insecure?: true };
}

/** A rule at the edge; `hosts` empty = any. `to` names services. */
export interface GatewayRouteConfig extends RouteRuleConfig {
  readonly hosts: readonly string[];
}

/** A rule: what happens to requests that match. An absent field is a feature that is not asked for. */
export interface RouteRuleConfig
  extends Pick<RouteRule, 'idleTimeoutMs' | 'requestHeaders' | 'responseHeaders' | 'cors' | 'faults' | 'rateLimits'> {
  readonly name: string;
  readonly matches: readonly RouteMatchConfig[];
  readonly action: ForwardConfig | RedirectAction | RespondAction;
  /** Covers all tries. `null`: none. */
  readonly timeoutMs: number | null;
  /** `null` for a rule that answers by itself. */
  readonly retry: RetryPolicy | null;
  readonly mirrors?: readonly MirrorConfig[];
}

/** Requests go to the destinations, by weight. */
export interface ForwardConfig {
  readonly kind: 'forward';
  readonly split: readonly DestinationConfig[];
  /** Smooth weighted turns instead of draws. */
  readonly exact?: true;
  readonly rewrite?: Rewrite;
}

/** Conditions of a rule; all have to hold. Empty lists and `null` ask for nothing. */
export interface RouteMatchConfig {
  readonly path: PathMatch | null;
  readonly methods: readonly string[];
  readonly headers: readonly NamedMatch[];
  readonly query: readonly NamedMatch[];
  readonly hosts: readonly string[];
  /** Ports that the caller dialled. */
  readonly ports: readonly number[];
  /** Calling services. */
  readonly from: readonly string[];
  /** Of the token. Absent: any. */
  readonly claims?: readonly ClaimMatch[];
}

/** A service, or a version of it. */
export interface TargetConfig {
  readonly service: string;
  /** `''` = all versions. */
  readonly version: string;
  /** `null` = the same port the caller dialled, or the service's only port. */
  readonly port: number | null;
}

/** Where a rule leads, with its share. */
export interface DestinationConfig extends TargetConfig {
  readonly weight: number;
  readonly requestHeaders?: HeaderEdits;
  readonly responseHeaders?: HeaderEdits;
}

/** Who gets copies of the requests, and of how many percent. */
export interface MirrorConfig extends TargetConfig {
  readonly percent: number;
}

/** Who may call what. */
export interface AccessConfig {
  /** For services that no rule speaks of; one that says otherwise has `ServiceConfig.access`. Gateways are open as long as no rule names them. */
  readonly default: 'allow' | 'deny';
  readonly rules: readonly AccessRuleConfig[];
}

/** One rule; all of its conditions have to hold. */
export interface AccessRuleConfig extends Omit<AccessRule, 'conditions'> {
  /** Services and gateways that the rule protects; empty: all services. */
  readonly to: readonly string[];
  /** Calling services and gateways, `*` for any identity; empty: anyone. Beside the conditions on `principal`: one of both has to hold. */
  readonly from: readonly string[];
  /** None of these, nor of those of the condition `not principal`. */
  readonly notFrom: readonly string[];
  readonly conditions: readonly AccessCondition[];
}

/** A service, in the mesh or outside, that rules ask whether a request may pass. */
export interface AuthorizerConfig extends Omit<ExternalAuthorizer, 'cluster' | 'host'> {
  readonly service: string;
  readonly port: number;
}

/** Who issues tokens, and who looks for them. */
export interface TokenIssuerConfig extends Omit<TokenIssuer, 'keys'> {
  /** Services and gateways that look for its tokens; empty: all that speak HTTP. Sorted. */
  readonly to: readonly string[];
  /** Public keys, or where the daemon fetches them. */
  readonly keys: { readonly kind: 'here'; readonly keys: TokenIssuer['keys'] } | { readonly kind: 'url'; readonly url: string };
}

/** A named volume. */
export interface VolumeConfig {
  readonly name: string;
  /** Name on the engine: `<project>_<name>` unless external or named. */
  readonly engineName: string;
  readonly external: boolean;
  readonly driver: string | null;
  readonly driverOpts: Readonly<Record<string, string>>;
}

/** A secret that containers mount as a file. */
export interface SecretConfig {
  readonly name: string;
  /** Absolute file, or the environment variable's name. */
  readonly from: { readonly kind: 'file'; readonly path: string } | { readonly kind: 'environment'; readonly variable: string };
}

/** How sidecars run. */
export interface ProxyConfig extends AccessLogConfig {
  /** Base image for the sidecar; `null` = assembled from the running node binary. Overridden by MESH_PROXY_IMAGE. */
  readonly image: string | null;
  readonly memoryBytes: number;
}

/** Which requests leave a line in a sidecar's log. */
export interface AccessLogConfig {
  readonly accessLog: AccessLogFormat;
  /** As `Snapshot.accessLogFilter`. Absent: all. */
  readonly accessLogFilter?: string;
}
