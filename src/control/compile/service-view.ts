/** What sidecars may dial: names, virtual addresses, outbound listeners and the route tables behind them. */
import type { ExternalConfig, MeshConfig, ServiceConfig } from '../../config/mesh-config.ts';
import type { RouteTable } from '../../snapshot/route-rule.ts';
import type { DnsRecord, OutboundListener } from '../../snapshot/snapshot.ts';
import type { LiveFault } from '../live-fault.ts';
import { compileExternal } from './external.ts';
import { liveFaultsFor } from './live-faults.ts';
import { compileRule, defaultRule, type RuleScope, type UseCluster } from './route.ts';
import { compileTcpSide } from './tcp-side.ts';

/** A name that has its own virtual address: a service, or one version of it by the name of its compose service. */
export interface MeshName {
  readonly name: string;
  readonly service: ServiceConfig;
  /** `''`: the whole service with its rules. Else only this version, without rules. */
  readonly subset: string;
  /** Outside the mesh: the host that the name stands for. */
  readonly external?: { readonly config: ExternalConfig; readonly host: string };
}

/** Names with their own address: services first, then versions, as a version's name never hides a service. Services without ports cannot be dialled. */
export function meshNames(config: MeshConfig): readonly MeshName[] {
  const services = config.services.filter(service => service.ports.length > 0);
  const names = new Map<string, MeshName>();
  const add = (entry: MeshName): void => {
    if (!names.has(entry.name)) names.set(entry.name, entry);
  };
  for (const service of services) add({ name: service.name.toLowerCase(), service, subset: '' });
  for (const service of services)
    for (const version of service.versions)
      if (version.name !== '') add({ name: version.composeService.toLowerCase(), service, subset: version.name });
  for (const external of config.external ?? [])
    for (const [index, host] of external.hosts.entries())
      add({
        name: (index === 0 ? external.name : host).toLowerCase(),
        service: external,
        subset: '',
        external: { config: external, host },
      });
  return [...names.values()];
}

/** Names and what they resolve to, sorted. An alias never hides a service, a version or an alias that came before. */
export function compileDns(config: MeshConfig, names: readonly MeshName[], addresses: ReadonlyMap<string, string>): DnsRecord[] {
  const records = new Map<string, string>();
  const add = (name: string, owner: string): void => {
    const address = addresses.get(owner.toLowerCase());
    if (address !== undefined && !records.has(name.toLowerCase())) records.set(name.toLowerCase(), address);
  };
  for (const entry of names) add(entry.name, entry.name);
  for (const service of config.services) for (const alias of service.aliases) add(alias, service.name);
  for (const { name, external } of names) if (external !== undefined) add(external.host, name);
  for (const { name, external } of names) if (name !== external?.host) add(`${name}.mesh`, name);
  return [...records].map(([name, address]) => ({ name, address })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What outbound listeners are compiled from. */
export interface OutboundInput {
  readonly config: MeshConfig;
  readonly liveFaults: readonly LiveFault[];
  readonly use: UseCluster;
}

/** What one name contributes. */
export interface OutboundPart {
  readonly listeners: readonly OutboundListener[];
  readonly tables: readonly RouteTable[];
}

/** The listeners of one name, a listener per port, and their route tables. `source`: the calling service, where a rule asks for it. */
export function compileOutbound(entry: MeshName, address: string, source: string | null, input: OutboundInput): OutboundPart {
  const { name, service, subset, external } = entry;
  if (external !== undefined)
    return compileExternal({ name, external: external.config, host: external.host }, address, source, input);
  const { config, use } = input;
  const listeners: OutboundListener[] = [];
  const tables: RouteTable[] = [];
  const routes = subset === '' ? service.routes : [];
  const liveFaults = liveFaultsFor(input.liveFaults, service.name);
  for (const { port, protocol } of service.ports) {
    const scope: RuleScope = { config, source, port, use, liveFaults };
    const whole = () => use({ service: service.name, subset, port });
    const routeTable = protocol === 'tcp' ? '' : `${name}:${port}`;
    const tcp = protocol === 'http' ? { tcp: [] } : compileTcpSide(routes, service.name, whole, scope);
    if (protocol !== 'tcp') {
      const rules =
        routes.length > 0 ? routes.flatMap(rule => compileRule(rule, scope) ?? []) : [defaultRule(whole(), service.name, scope)];
      // The address already says which service is meant, so every Host is let through, also one the app made up.
      tables.push({ name: routeTable, virtualHosts: [{ name, domains: ['*'], rules }] });
    }
    listeners.push({ address, port, protocol, service: service.name, routeTable, ...tcp });
  }
  return { listeners, tables };
}
