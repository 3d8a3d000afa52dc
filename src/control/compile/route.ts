/** Route rules: destinations as written become weighted clusters. */
import type { DestinationConfig, MeshConfig, RouteRuleConfig, ServiceConfig } from '../../config/mesh-config.ts';
import type { RetryPolicy, RouteRule, WeightedCluster } from '../../snapshot/snapshot.ts';
import { type ClusterKey, clusterName } from './cluster.ts';

/** Notes that a cluster is used, and returns its name. */
export type UseCluster = (key: ClusterKey) => string;

/** Retries where nothing is said of them, as in Istio: two more tries while no connection came about. `attempts: 0` is a word against it. */
const defaultRetry: RetryPolicy = {
  attempts: 2,
  on: ['connect-failure'],
  statusCodes: [],
  perTryTimeoutMs: null,
  methods: [],
  backoffBaseMs: 25,
};

/** The rule that forwards everything to one cluster: for services without rules and for names of single versions. */
export function defaultRule(cluster: string): RouteRule {
  return { name: 'default', matches: [], action: forward([{ cluster, weight: 1 }]), timeoutMs: null, retry: defaultRetry };
}

/** One rule. `port`: the port that the caller dialled. */
export function compileRule(rule: RouteRuleConfig, port: number, config: MeshConfig, use: UseCluster): RouteRule {
  return {
    name: rule.name,
    matches: rule.matches.map(({ path, methods, headers, query }) => ({ path, methods, headers, query })),
    action: forward(compileSplit(rule.split, port, config, use)),
    timeoutMs: rule.timeoutMs,
    retry: rule.retry ?? defaultRetry,
  };
}

/**
 * Where raw TCP goes: matches need HTTP, so it is the first rule without any; without such a rule, the whole service.
 * @see Istio: `http` rules of a VirtualService are not used for TCP ports
 */
export function compileTcp(
  rules: readonly RouteRuleConfig[],
  port: number,
  config: MeshConfig,
  use: UseCluster,
): readonly WeightedCluster[] {
  const rule = rules.find(item => item.matches.length === 0);
  return rule === undefined ? [] : compileSplit(rule.split, port, config, use);
}

/** The port to reach a service on: as written, else the dialled one if the service has it, else its first. */
function portOf(service: ServiceConfig | undefined, written: number | null, dialled: number): number {
  if (written !== null) return written;
  if (service === undefined || service.ports.some(item => item.port === dialled)) return dialled;
  return service.ports[0]?.port ?? dialled;
}

function compileSplit(
  split: readonly DestinationConfig[],
  port: number,
  config: MeshConfig,
  use: UseCluster,
): readonly WeightedCluster[] {
  // A destination of weight 0 beside others gets nothing, and its cluster need not be known.
  const weighty = split.filter(destination => destination.weight > 0);
  const kept = weighty.length > 0 ? weighty : split.slice(0, 1);
  const weights = new Map<string, number>();
  for (const { service: name, version, port: written, weight } of kept) {
    const service = config.services.find(item => item.name === name);
    const cluster = use({ service: name, subset: version, port: portOf(service, written, port) });
    weights.set(cluster, (weights.get(cluster) ?? 0) + weight);
  }
  return [...weights].map(([cluster, weight]) => ({ cluster, weight }));
}

function forward(split: readonly WeightedCluster[]): RouteRule['action'] {
  return { kind: 'forward', split };
}

/** Collects the clusters that routes use. */
export function clusterCollector(): { readonly use: UseCluster; readonly keys: () => readonly ClusterKey[] } {
  const used = new Map<string, ClusterKey>();
  return {
    use(key) {
      const name = clusterName(key);
      used.set(name, key);
      return name;
    },
    keys: () => [...used.values()],
  };
}
