/** The edge: one listener per gateway, virtual hosts from the hosts of its routes. */
import { gatewayPolicy } from '../../config/access-policy-of.ts';
import type { GatewayConfig, GatewayRouteConfig } from '../../config/mesh-config.ts';
import type { RouteTable, VirtualHost } from '../../snapshot/route-rule.ts';
import type { GatewayListener } from '../../snapshot/snapshot.ts';
import type { TokenIssuer } from '../../snapshot/token-policy.ts';
import { liveFaultsFor } from './live-faults.ts';
import { compileRule, compileTcp, faultsOf, type RuleScope, tcpRule } from './route.ts';
import type { OutboundInput } from './service-view.ts';
import { withoutAborts } from './tcp-side.ts';

/** What a gateway listens on and where it leads. */
export function compileGateway(
  gateway: GatewayConfig,
  { config, liveFaults, use }: OutboundInput,
  tokens: readonly TokenIssuer[] = [],
): { readonly listeners: readonly GatewayListener[]; readonly tables: readonly RouteTable[] } {
  const { name, port, protocol } = gateway;
  const access = gatewayPolicy(config, name);
  const tls = { ...gatewayTls(gateway), ...(access === null ? {} : { access }) };
  const scope: RuleScope = { config, source: null, port, use, liveFaults: liveFaultsFor(liveFaults, null) };
  if (protocol === 'tcp') {
    const rule = tcpRule(gateway.routes, scope);
    // Without a destination there is nothing to accept connections for.
    if (rule === null) return { listeners: [], tables: [] };
    const tcp = compileTcp(rule, scope);
    return {
      listeners: [{ name, port, protocol, routeTable: '', tcp, ...withoutAborts(faultsOf(rule, scope)), ...tls }],
      tables: [],
    };
  }
  if (protocol === 'tls') {
    const routes = gateway.routes.map(rule => ({ hosts: hostsOf(rule), split: compileTcp(rule, scope) }));
    const sni = routes.filter(route => route.split.length > 0);
    return { listeners: sni.length > 0 ? [{ name, port, protocol, routeTable: '', tcp: [], sni, ...tls }] : [], tables: [] };
  }
  const routeTable = `${name}:${port}`;
  const virtualHosts = domainsOf(gateway.routes).map((domain): VirtualHost => {
    const rules = gateway.routes.filter(route => hostsOf(route).some(host => covers(host, domain)));
    return { name: domain, domains: [domain], rules: rules.flatMap(rule => compileRule(rule, scope) ?? []) };
  });
  const { httpsRedirectPort } = gateway;
  const redirect = httpsRedirectPort === undefined ? {} : { httpsRedirectPort };
  const { pathNormalization } = config;
  const edge = {
    ...(pathNormalization === undefined ? {} : { pathNormalization }),
    ...(gateway.trustedHops === undefined ? {} : { trustedHops: gateway.trustedHops }),
  };
  return {
    listeners: [
      { name, port, protocol, routeTable, tcp: [], ...tls, ...edge, ...redirect, ...(tokens.length === 0 ? {} : { tokens }) },
    ],
    tables: [{ name: routeTable, virtualHosts }],
  };
}

/** The certificate goes by the gateway's name: the daemon sends it apart from the snapshot. */
function gatewayTls({ name, tls }: GatewayConfig): Pick<GatewayListener, 'tls'> {
  return tls === undefined
    ? {}
    : {
        tls: { certificates: [name], minVersion: tls.minVersion, ...(tls.clients === undefined ? {} : { clients: tls.clients }) },
      };
}

function domainsOf(routes: readonly GatewayRouteConfig[]): readonly string[] {
  return [...new Set(routes.flatMap(hostsOf))].sort();
}

function hostsOf(route: GatewayRouteConfig): readonly string[] {
  return route.hosts.length === 0 ? ['*'] : route.hosts.map(host => host.toLowerCase());
}

/**
 * Whether every host of `domain` is one of `pattern`. A request is judged by the most specific virtual host alone, and the routes of a
 * gateway are one list where the first match wins: so a virtual host gets the rules of all patterns that cover it, in that order.
 */
function covers(pattern: string, domain: string): boolean {
  if (pattern === '*' || pattern === domain) return true;
  if (pattern.startsWith('*.')) return domain.endsWith(pattern.slice(1)) && !domain.endsWith('.*');
  if (pattern.endsWith('.*')) return domain.startsWith(pattern.slice(0, -1)) && !domain.startsWith('*.');
  return false;
}
