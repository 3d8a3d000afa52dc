/** Services outside the mesh: what sidecars may dial there and how. */
import type { ExternalConfig } from '../../config/mesh-config.ts';
import type { RouteRule, VirtualHost } from '../../snapshot/route-rule.ts';
import type { OutboundListener, WildcardListener } from '../../snapshot/snapshot.ts';
import { original, untouched } from './external-cluster.ts';
import { liveFaultsFor } from './live-faults.ts';
import { compileRule, defaultRule, type RuleScope, type UseCluster } from './route.ts';
import type { OutboundInput, OutboundPart } from './service-view.ts';
import { compileTcpSide } from './tcp-side.ts';

/** Port of plain HTTP: where apps call a service whose TLS the sidecar makes. */
const httpPort = 80;

/** The listeners of one host of an external service. `name`: the service's own name for its first host, else the host. */
export function compileExternal(
  { name, external, host }: { readonly name: string; readonly external: ExternalConfig; readonly host: string },
  address: string,
  source: string | null,
  input: OutboundInput,
): OutboundPart {
  const first = host === external.hosts[0];
  const listeners: OutboundListener[] = [];
  // Apps that dial a given address meet the same rules.
  const everywhere = first ? [address, ...external.addresses] : [address];
  const listen = (rest: Omit<OutboundListener, 'address'>): void => {
    for (const one of everywhere) listeners.push({ address: one, ...rest });
  };
  const tables: OutboundPart['tables'][number][] = [];
  for (const { port } of external.ports) {
    const scope = scopeOf(external, first ? '' : host, port, source, input);
    const service = external.name;
    const whole = (): string => scope.use({ service, subset: '', port });
    if (external.speaks !== 'http') {
      const tcp = compileTcpSide(external.routes, service, whole, scope);
      listen({ port, protocol: 'tcp', service, routeTable: '', ...tcp });
      continue;
    }
    const rules = rulesOf(external, whole, scope);
    const routeTable = `${name}:${port}`;
    const own: VirtualHost = { name: host, domains: ['*'], rules };
    // The short name is known inside the mesh only: out there the request must carry the real one.
    const short: VirtualHost = { name, domains: [name, `${name}.mesh`], rules: rules.map(rule => toHost(rule, host)) };
    tables.push({ name: routeTable, virtualHosts: first && name !== host ? [short, own] : [own] });
    const listener = { protocol: 'http', service, routeTable, tcp: [] } as const;
    if (external.tls === undefined) {
      listen({ ...listener, port });
      continue;
    }
    const raw = input.use({ service, subset: first ? untouched : `${untouched}/${host}`, port });
    listen({ ...listener, port, tlsPassthrough: [{ cluster: raw, weight: 1 }] });
    if (port !== httpPort) listeners.push({ address, ...listener, port: httpPort });
  }
  return { listeners, tables };
}

/** The names of an external service that have no virtual address. */
export function compileWildcards(
  external: ExternalConfig,
  source: string | null,
  input: OutboundInput,
): { readonly wildcards: readonly WildcardListener[]; readonly tables: OutboundPart['tables'] } {
  const { name: service, wildcards: hosts, speaks } = external;
  if (hosts.length === 0 || speaks === 'tcp') return { wildcards: [], tables: [] };
  const parts = external.ports.map(({ port }) => {
    const scope = scopeOf(external, original, port, source, input);
    const whole = (): string => scope.use({ service, subset: '', port });
    if (speaks === 'tls') {
      const { tcp } = compileTcpSide(external.routes, service, whole, scope);
      return { wildcard: { service, port, protocol: speaks, hosts, routeTable: '', tcp }, tables: [] };
    }
    const routeTable = `*.${service}:${port}`;
    const tables = [
      { name: routeTable, virtualHosts: [{ name: service, domains: hosts, rules: rulesOf(external, whole, scope) }] },
    ];
    return { wildcard: { service, port, protocol: speaks, hosts, routeTable, tcp: [] }, tables };
  });
  return { wildcards: parts.map(part => part.wildcard), tables: parts.flatMap(part => part.tables) };
}

/** Rules that lead to the service itself lead to the host that was called. */
function scopeOf(
  external: ExternalConfig,
  subset: string,
  port: number,
  source: string | null,
  { config, liveFaults, use }: OutboundInput,
): RuleScope {
  const own: UseCluster = key => use(key.service === external.name && key.subset === '' ? { ...key, subset } : key);
  return { config, source, port, use: own, liveFaults: liveFaultsFor(liveFaults, external.name) };
}

function rulesOf(external: ExternalConfig, whole: () => string, scope: RuleScope): readonly RouteRule[] {
  if (external.routes.length === 0) return [defaultRule(whole(), external.name, scope)];
  return external.routes.flatMap(rule => compileRule(rule, scope) ?? []);
}

function toHost(rule: RouteRule, host: string): RouteRule {
  if (rule.action.kind !== 'forward' || rule.action.rewrite?.host !== undefined) return rule;
  return { ...rule, action: { ...rule.action, rewrite: { ...rule.action.rewrite, host } } };
}
