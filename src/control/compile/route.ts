/** Route rules: conditions that do not depend on the request are decided, destinations become weighted clusters. */
import { defaultRetry } from '../../config/default-retry.ts';
import type {
  ForwardConfig,
  MeshConfig,
  RouteMatchConfig,
  RouteRuleConfig,
  ServiceConfig,
  TargetConfig,
} from '../../config/mesh-config.ts';
import { destinationsOf } from '../../config/rule-destinations.ts';
import type { Fault, ForwardAction, Mirror, RouteMatch, RouteRule, WeightedCluster } from '../../snapshot/route-rule.ts';
import { type ClusterKey, clusterName } from './cluster.ts';
import { serviceOf } from './external-cluster.ts';

/** Notes that a cluster is used, and returns its name. */
export type UseCluster = (key: ClusterKey) => string;

/** Whose rules are compiled, and for which port. */
export interface RuleScope {
  readonly config: MeshConfig;
  /** Calling service; `null` where callers are not told apart: at a gateway, and for rules that do not ask. */
  readonly source: string | null;
  /** Port that the caller dialled. */
  readonly port: number;
  readonly use: UseCluster;
  /** Faults put there live on a rule of this name that leads to these services. */
  readonly liveFaults: (rule: string, services: readonly string[]) => readonly Fault[];
}

/** The rule that forwards everything to one cluster: for services without rules and for names of single versions. */
export function defaultRule(cluster: string, service: string, { liveFaults }: RuleScope): RouteRule {
  const name = 'default';
  const faults = liveFaults(name, [service]);
  return {
    name,
    matches: [],
    action: { kind: 'forward', split: [{ cluster, weight: 1 }] },
    timeoutMs: null,
    retry: defaultRetry,
    ...(faults.length === 0 ? {} : { faults }),
  };
}

/** One rule; `null` when none of its matches can hold for this caller and port. */
export function compileRule(rule: RouteRuleConfig, scope: RuleScope): RouteRule | null {
  const matches = compileMatches(rule, scope);
  if (matches === null) return null;
  const { name, timeoutMs, retry, action, mirrors: written = [], faults: _, ...rest } = rule;
  const faults = faultsOf(rule, scope);
  const mirrors = written
    .filter(({ percent }) => percent > 0)
    .map((mirror): Mirror => ({ cluster: clusterOf(mirror, scope), percent: mirror.percent }));
  return {
    name,
    matches,
    action: action.kind === 'forward' ? compileForward(action, scope) : action,
    timeoutMs,
    // No retries are no policy: nothing is kept for them.
    retry: retry?.attempts === 0 ? null : retry,
    ...(faults.length === 0 ? {} : { faults }),
    ...(mirrors.length === 0 ? {} : { mirrors }),
    ...pick(rest),
  };
}

/** Fields that are the same in configuration and snapshot. */
function pick({
  idleTimeoutMs,
  requestHeaders,
  responseHeaders,
  cors,
  rateLimits,
}: Partial<RouteRuleConfig>): Partial<RouteRule> {
  return {
    ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
    ...(requestHeaders === undefined ? {} : { requestHeaders }),
    ...(responseHeaders === undefined ? {} : { responseHeaders }),
    ...(cors === undefined ? {} : { cors }),
    ...(rateLimits === undefined ? {} : { rateLimits }),
  };
}

/**
 * The first rule that raw TCP can follow: conditions on a request need HTTP. Without such a rule, the whole service.
 * @see Istio: `http` rules of a VirtualService are not used for TCP ports
 */
export function tcpRule(rules: readonly RouteRuleConfig[], scope: RuleScope): RouteRuleConfig | null {
  const leads = (rule: RouteRuleConfig): boolean => {
    const matches = compileMatches(rule, scope);
    return rule.action.kind === 'forward' && matches !== null && (matches.length === 0 || matches.some(asksNothing));
  };
  return rules.find(leads) ?? null;
}

/** Where raw TCP goes. */
export function compileTcp(rule: RouteRuleConfig, scope: RuleScope): readonly WeightedCluster[] {
  return compileSplit(destinationsOf(rule), scope).map(({ cluster, weight }) => ({ cluster, weight }));
}

/** Those of mesh.yaml first, then the live ones. */
export function faultsOf(rule: RouteRuleConfig, { liveFaults }: RuleScope): readonly Fault[] {
  const services = destinationsOf(rule).map(destination => destination.service);
  return [...(rule.faults ?? []).filter(fault => fault.percent > 0), ...liveFaults(rule.name, services)];
}

/** `from` and `ports` are decided here. `null`: none of the matches can hold. A single match that asks for nothing else is no condition. */
function compileMatches({ matches }: RouteRuleConfig, { source, port }: RuleScope): readonly RouteMatch[] | null {
  const open = matches.filter(
    ({ from, ports }) =>
      (from.length === 0 || (source !== null && from.includes(source))) && (ports.length === 0 || ports.includes(port)),
  );
  if (matches.length > 0 && open.length === 0) return null;
  const left = open.map(compileMatch);
  const [only] = left;
  return left.length === 1 && only !== undefined && asksNothing(only) ? [] : left;
}

function compileMatch({ path, methods, headers, query, hosts, claims = [] }: RouteMatchConfig): RouteMatch {
  return { path, methods, headers, query, ...(hosts.length === 0 ? {} : { hosts }), ...(claims.length === 0 ? {} : { claims }) };
}

function asksNothing({ path, methods, headers, query, hosts = [], claims = [] }: RouteMatch): boolean {
  return path === null && methods.length + headers.length + query.length + hosts.length + claims.length === 0;
}

function compileForward({ split, exact, rewrite }: ForwardConfig, scope: RuleScope): ForwardAction {
  return {
    kind: 'forward',
    split: compileSplit(split, scope),
    ...(exact === undefined ? {} : { exact }),
    ...(rewrite === undefined ? {} : { rewrite }),
  };
}

function compileSplit(split: ForwardConfig['split'], scope: RuleScope): readonly WeightedCluster[] {
  // A destination of weight 0 beside others gets nothing, and its cluster need not be known.
  const weighty = split.filter(destination => destination.weight > 0);
  const kept = weighty.length > 0 ? weighty : split.slice(0, 1);
  const entries = new Map<string, WeightedCluster>();
  for (const destination of kept) {
    const cluster = clusterOf(destination, scope);
    const { weight, requestHeaders, responseHeaders } = destination;
    entries.set(cluster, {
      cluster,
      weight: (entries.get(cluster)?.weight ?? 0) + weight,
      ...(requestHeaders === undefined ? {} : { requestHeaders }),
      ...(responseHeaders === undefined ? {} : { responseHeaders }),
    });
  }
  return [...entries.values()];
}

function clusterOf({ service: name, version, port: written }: TargetConfig, { config, port, use }: RuleScope): string {
  const service = serviceOf(config, name);
  return use({ service: name, subset: version, port: portOf(service, written, port) });
}

/** The port to reach a service on: as written, else the dialled one if the service has it, else its first. */
function portOf(service: ServiceConfig | undefined, written: number | null, dialled: number): number {
  if (written !== null) return written;
  if (service === undefined || service.ports.some(item => item.port === dialled)) return dialled;
  return service.ports[0]?.port ?? dialled;
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
