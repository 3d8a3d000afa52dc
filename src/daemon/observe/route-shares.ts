import type { RouteShare, RouteStats, RoutesDocument, StatsQuery } from '../../api/stats.ts';
import { apiVersion } from '../../api/types.ts';
import type { RouteRule } from '../../snapshot/route-rule.ts';
import type { Snapshot } from '../../snapshot/snapshot.ts';
import { type EdgeSum, span } from './stats.ts';

interface Hits {
  hits: number;
  failures: number;
}

/** A rule of the snapshots with what it was seen to do. */
interface RuleSum extends Hits {
  /** The gateway whose rule it is; `undefined`: it is of the service with which its name begins. */
  readonly gateway: string | undefined;
  /** By service and version: the share that the weights give; `null`: the rule does not send there. */
  readonly destinations: Map<
    string,
    { readonly service: string; readonly version: string; hits: number; intended: number | null }
  >;
  readonly inForce: boolean;
}

/** What each rule took, and where its requests went against where its weights send them. */
export function routesDocument(sums: readonly EdgeSum[], query: StatsQuery, snapshots: readonly Snapshot[]): RoutesDocument {
  const rules = intendedOf(snapshots);
  const gateways = new Set(snapshots.filter(({ kind }) => kind === 'gateway').map(({ service }) => service));
  for (const { name, total } of sums) {
    for (const [fullName, { hits, failures }] of total.rules) {
      const rule = rules.get(fullName) ?? {
        gateway: gateways.has(name.source.service) ? name.source.service : undefined,
        hits: 0,
        failures: 0,
        destinations: new Map(),
        inForce: false,
      };
      rules.set(fullName, rule);
      rule.hits += hits;
      rule.failures += failures;
      const { service, version } = name.destination;
      const exact = keyOf(service, version);
      // A rule that names no version means all of them.
      const key = !rule.destinations.has(exact) && rule.destinations.has(keyOf(service, '')) ? keyOf(service, '') : exact;
      const destination = rule.destinations.get(key) ?? {
        service: service === '' ? 'unknown' : service,
        version,
        hits: 0,
        intended: null,
      };
      rule.destinations.set(key, destination);
      destination.hits += hits;
    }
  }
  const wanted = new Set(query.services);
  const routes = [...rules].map(([fullName, rule]) => routeStats(fullName, rule));
  return {
    apiVersion,
    kind: 'Routes',
    ...span(query),
    routes: routes
      .filter(({ service }) => wanted.size === 0 || wanted.has(service))
      .sort((one, other) => (one.service < other.service ? -1 : one.service > other.service ? 1 : 0)),
  };
}

function routeStats(fullName: string, { gateway, hits, failures, inForce, destinations }: RuleSum): RouteStats {
  const [host = '', ...rest] = fullName.split('/');
  return {
    service: gateway ?? host,
    rule: rest.join('/'),
    inForce,
    hits,
    failures,
    destinations: [...destinations.values()].map(
      (each): RouteShare => ({
        service: each.service,
        version: each.version,
        hits: each.hits,
        share: hits === 0 ? null : each.hits / hits,
        intended: each.intended,
      }),
    ),
  };
}

/** The rules of all snapshots, once each: callers of a service have the same. */
function intendedOf(snapshots: readonly Snapshot[]): Map<string, RuleSum> {
  const rules = new Map<string, RuleSum>();
  for (const snapshot of snapshots) {
    const clusters = new Map(snapshot.clusters.map(cluster => [cluster.name, cluster]));
    const gateway = snapshot.kind === 'gateway' ? snapshot.service : undefined;
    for (const { virtualHosts } of snapshot.routeTables)
      for (const host of virtualHosts)
        for (const rule of host.rules) {
          const fullName = `${host.name}/${rule.name}`;
          if (!rules.has(fullName)) rules.set(fullName, ruleSum(rule, clusters, gateway));
        }
  }
  return rules;
}

function ruleSum(
  { action }: RouteRule,
  clusters: ReadonlyMap<string, { readonly service: string; readonly subset: string }>,
  gateway: string | undefined,
): RuleSum {
  const destinations: RuleSum['destinations'] = new Map();
  const split = action.kind === 'forward' ? action.split : [];
  const sum = split.reduce((all, { weight }) => all + weight, 0);
  for (const { cluster, weight } of split) {
    const { service, subset } = clusters.get(cluster) ?? { service: cluster, subset: '' };
    const known = destinations.get(keyOf(service, subset));
    const intended = (known?.intended ?? 0) + (sum === 0 ? 0 : weight / sum);
    destinations.set(keyOf(service, subset), { service, version: subset, hits: 0, intended });
  }
  return { gateway, hits: 0, failures: 0, destinations, inForce: true };
}

function keyOf(service: string, version: string): string {
  return JSON.stringify([service, version]);
}
