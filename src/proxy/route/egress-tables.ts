import type { RouteRule, VirtualHost } from '../../snapshot/route-rule.ts';
import type { Cluster, EgressPolicy, Snapshot } from '../../snapshot/snapshot.ts';
import { ServerNames } from '../tls/server-names.ts';
import { RouteTableRuntime } from './route-table.ts';
import type { RuleParts } from './rule-parts.ts';
import { compileSplit, type Split } from './split.ts';

/** Where requests and connections to unknown addresses go. */
export interface EgressTables {
  /** Whether what no external service is named for is let through. */
  readonly allowed: boolean;
  /** Takes what no external service is named for: passes it on to where it was going, or swallows it. */
  readonly fallback: Cluster;
  /** For HTTP, by port. */
  table(port: number): RouteTableRuntime;
  /** For TLS, by port; `null`: no names are known there. */
  names(port: number): ServerNames<Split> | null;
}

/** Envoy's, for clusters that say nothing. */
const connectTimeoutMs = 5_000;
const idleTimeoutMs = 60_000;

/** Istio's names, which Kiali and others know. */
export function egressCluster(egress: EgressPolicy): Cluster {
  const name = egress === 'allow-any' ? 'PassthroughCluster' : 'BlackHoleCluster';
  return {
    name,
    service: name,
    subset: '',
    port: 0,
    endpoints: [],
    balancer: 'round-robin',
    connectTimeoutMs,
    identities: [],
    idleTimeoutMs,
    ...(egress === 'allow-any' ? { resolution: 'original' } : {}),
  };
}

/** Builds them. `parts.cluster` has to know `egressCluster`. */
export function buildEgress({ egress, wildcards = [], routeTables }: Snapshot, parts: RuleParts): EgressTables {
  const fallback = egressCluster(egress);
  const others: VirtualHost = { name: 'egress', domains: ['*'], rules: [egressRule(egress, fallback)] };
  const tables = new Map<number, RouteTableRuntime>();
  const names = new Map<number, ServerNames<Split>>();
  for (const [port, group] of Map.groupBy(wildcards, one => one.port)) {
    const own = group.flatMap(({ routeTable }) => routeTables.find(table => table.name === routeTable)?.virtualHosts ?? []);
    tables.set(port, new RouteTableRuntime({ name: `egress:${port}`, virtualHosts: [...own, others] }, parts));
    const tls = group.filter(one => one.protocol === 'tls');
    const entries = tls.flatMap(({ hosts, tcp }) => hosts.map(host => [host, compileSplit(tcp, parts.cluster)] as const));
    if (entries.length > 0) names.set(port, new ServerNames(entries));
  }
  const anywhere = new RouteTableRuntime({ name: 'egress', virtualHosts: [others] }, parts);
  return {
    allowed: egress === 'allow-any',
    fallback,
    table: port => tables.get(port) ?? anywhere,
    names: port => names.get(port) ?? null,
  };
}

function egressRule(egress: EgressPolicy, { name: cluster }: Cluster): RouteRule {
  const rule = { matches: [], timeoutMs: null, retry: null };
  if (egress === 'allow-any') return { ...rule, name: 'allow_any', action: { kind: 'forward', split: [{ cluster, weight: 1 }] } };
  return { ...rule, name: 'block_all', action: { kind: 'respond', status: 502, body: '', contentType: 'text/plain' } };
}
