/** Short forms of a `MeshConfig` and of pods, for tests of the control plane. */
import { defaultRetry } from '../../src/config/default-retry.ts';
import type {
  AccessRuleConfig,
  ContainerConfig,
  DestinationConfig,
  ForwardConfig,
  GatewayRouteConfig,
  MeshConfig,
  PublishConfig,
  RouteRuleConfig,
  ServiceConfig,
} from '../../src/config/mesh-config.ts';
import type { PodView } from '../../src/control/registry.ts';
import type { RedirectAction, RespondAction } from '../../src/snapshot/route-rule.ts';

/** What a test writes; everything left out has a plain default. */
export interface MeshShort {
  readonly services?: Readonly<Record<string, ServiceShort>>;
  readonly gateways?: Readonly<Record<string, { port: number; protocol?: 'http' | 'tcp'; routes: readonly RouteShort[] }>>;
  readonly access?: { readonly default?: 'allow' | 'deny'; readonly rules?: readonly Partial<AccessRuleConfig>[] };
  readonly egress?: MeshConfig['egress'];
  readonly seed?: number;
}
/** `ports`: number = HTTP. `versions`: version → compose service. */
export interface ServiceShort extends Partial<Omit<ServiceConfig, 'ports' | 'versions' | 'routes' | 'name'>> {
  readonly ports?: readonly (number | { port: number; protocol: 'http' | 'tcp' | 'auto' })[];
  readonly versions?: Readonly<Record<string, string>>;
  readonly routes?: readonly RouteShort[];
  readonly publish?: readonly PublishConfig[];
}
/** A rule; `split` entries need a service and may leave the rest out. */
export interface RouteShort extends Partial<Omit<RouteRuleConfig, 'action' | 'matches'>> {
  readonly hosts?: readonly string[];
  readonly matches?: readonly Partial<RouteRuleConfig['matches'][number]>[];
  readonly split?: readonly (Partial<DestinationConfig> & { readonly service: string })[];
  /** Beside `split`: `exact` and `rewrite`. */
  readonly forward?: Omit<ForwardConfig, 'kind' | 'split'>;
  /** Instead of `split`. */
  readonly action?: RedirectAction | RespondAction;
}

function rule(short: RouteShort, index: number): GatewayRouteConfig {
  const { split = [], forward, matches = [], ...rest } = short;
  const destinations = split.map(entry => ({ version: '', port: null, weight: 1, ...entry }));
  return {
    name: `rule-${index + 1}`,
    hosts: [],
    timeoutMs: null,
    retry: defaultRetry,
    action: { kind: 'forward', split: destinations, ...forward },
    ...rest,
    matches: matches.map(match => ({
      path: null,
      methods: [],
      headers: [],
      query: [],
      hosts: [],
      ports: [],
      from: [],
      ...match,
    })),
  };
}

/** The canonical configuration of a short one. The container part is empty: the control plane never looks at it. */
export function mesh(short: MeshShort): MeshConfig {
  const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
  return {
    name: 'bookshop',
    trustDomain: 'bookshop.local',
    namespace: 'default',
    identity: { ttlMs: 86_400_000, trustDomainAliases: [] },
    baseDir: '/bookshop',
    files: [],
    volumes: [],
    secrets: [],
    mtls: 'strict',
    egress: short.egress ?? 'allow-any',
    ...(short.seed === undefined ? {} : { seed: short.seed }),
    proxy: { image: null, accessLog: 'text', memoryBytes: 64 * 1024 * 1024 },
    access: {
      default: short.access?.default ?? 'allow',
      rules: (short.access?.rules ?? []).map((item, index) => ({
        name: `access-${index + 1}`,
        action: 'allow',
        from: [],
        notFrom: [],
        to: [],
        conditions: [],
        ...item,
      })),
    },
    services: Object.entries(short.services ?? {})
      .map(([name, { ports, versions, routes, publish, ...rest }]) => ({
        name,
        namespace: 'default',
        account: name,
        aliases: [],
        mtls: 'strict' as const,
        balancer: 'round-robin' as const,
        connectTimeoutMs: 10_000,
        ...rest,
        ports: (ports ?? [9080]).map(item => ({
          name: '',
          protocolFrom: 'config' as const,
          ...(typeof item === 'number' ? { port: item, protocol: 'http' as const } : item),
        })),
        versions: Object.entries(versions ?? { '': name }).map(([version, composeService]) => ({
          name: version,
          composeService,
          replicas: 1,
          container: { publish: publish ?? [] } as unknown as ContainerConfig,
        })),
        routes: (routes ?? []).map((item, index) => {
          const { hosts: _, ...rest } = rule(item, index);
          return rest;
        }),
      }))
      .sort(byName),
    gateways: Object.entries(short.gateways ?? {})
      .map(([name, { port, protocol, routes }]) => ({
        name,
        hostAddress: '127.0.0.1',
        port,
        protocol: protocol ?? 'http',
        routes: routes.map(rule),
      }))
      .sort(byName),
  };
}

/** A pod from `reviews`, `reviews-v1-1`…: `pod('reviews', 'v1', 3)` has the address 172.18.0.3 and runs. */
export function pod(service: string, version: string, last: number, rest: Partial<PodView> = {}): PodView {
  return {
    workload: `${service}${version === '' ? '' : `-${version}`}-1`,
    service,
    version,
    kind: 'sidecar',
    address: `172.18.0.${last}`,
    controlPort: null,
    app: 'running',
    health: 'none',
    ...rest,
  };
}
