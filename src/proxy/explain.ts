import type { ExplainRequest, Explanation } from '../snapshot/explanation.ts';
import { faultText } from '../snapshot/fault-text.ts';
import type { WeightedCluster } from '../snapshot/route-rule.ts';
import type { GatewayListener, OutboundListener, Snapshot, SniRoute } from '../snapshot/snapshot.ts';
import { escapeLine } from '../text/escape.ts';
import { explainAccess } from './access/explain-access.ts';
import { location } from './filters/redirect.ts';
import type { RequestHead } from './http1/request-head.ts';
import { type ExplainedRequest, explainRoute, headOf } from './route/explain.ts';
import { explainText } from './route/explain-text.ts';
import { outboundKey, type RoutedRuntime, type Tables } from './tables.ts';
import { ServerNames } from './tls/server-names.ts';
import { explainToken } from './token/explain-token.ts';
import type { VerifiedToken } from './token/verified-token.ts';

type Routed = RoutedRuntime<OutboundListener> | RoutedRuntime<GatewayListener>;

/** Says what the running tables do with a request to a URL: which listener has it, which rule takes it, where it goes. Sends nothing. `nowMs`: since epoch. @throws TypeError for what is no request */
export function explain(tables: Tables, { method, url, headers }: ExplainRequest, nowMs: number): Explanation {
  const to = new URL(url);
  const port = to.port === '' ? (to.protocol === 'https:' ? 443 : 80) : Number(to.port);
  const routed = tables.snapshot.kind === 'gateway' ? atGateway(tables, port) : atSidecar(tables, to.hostname, port);
  if (routed === null) return outside(tables.snapshot, to.hostname, port);
  const { listener, table } = routed;
  const name = 'address' in listener ? `${listener.address}:${listener.port} (${listener.service})` : `gateway ${listener.name}`;
  if ('httpsRedirectPort' in listener && listener.httpsRedirectPort !== undefined) {
    const secure = location({ scheme: 'https', port: listener.httpsRedirectPort }, to.host, 'http');
    return { listener: name, lines: [`every request: → 301 to ${secure}${to.pathname}${to.search}`], route: null };
  }
  if ('sni' in listener && listener.sni !== undefined) return atServerName(tables.snapshot, name, listener.sni, to.hostname);
  if (table === null || listener.protocol === 'tcp' || listener.protocol === 'tls') {
    const faults = (listener.tcpFaults ?? []).map(fault => `  fault: ${faultText(fault)}`);
    const lines = [`raw ${listener.protocol}: no rule looks inside`, ...weights(listener.tcp), ...faults];
    return { listener: name, lines: [...lines, ...endpoints(tables.snapshot, listener.tcp)], route: null };
  }
  const authority = headers.find(([each]) => each.toLowerCase() === 'host')?.[1] ?? to.host;
  const scheme = to.protocol === 'https:' ? 'https' : 'http';
  const request: ExplainedRequest = { method, authority, path: `${to.pathname}${to.search}`, headers, scheme };
  const issuers = ('tokens' in listener ? listener.tokens : undefined) ?? [];
  const tokenOf = (head: RequestHead): ReturnType<typeof explainToken> => explainToken(issuers, head, nowMs);
  const token = tokenOf(headOf(request));
  if (typeof token === 'string') return { listener: name, lines: [`the token is refused: ${token}`], route: null };
  const told =
    token === null ? [] : [`token of ${escapeLine(token.principal || token.issuer)}; its signature is not checked here`];
  const access = routed.access === null ? [] : explainAccess(routed.access, headOf(request), token);
  const route = explainRoute(table, request, head => tokenOf(head) as VerifiedToken | null);
  const action = route.outcome?.action;
  const destinations = action?.kind === 'forward' ? action.destinations : [];
  return {
    listener: name,
    lines: [...told, ...access, ...explainText(route), ...endpoints(tables.snapshot, destinations)],
    route,
  };
}

/** TLS that is passed through: only the server name counts. */
function atServerName(snapshot: Snapshot, listener: string, routes: readonly SniRoute[], host: string): Explanation {
  const names = new ServerNames(routes.flatMap(({ hosts, split }) => hosts.map(pattern => [pattern, split] as const)));
  const split = names.find(host.toLowerCase());
  const lines =
    split === null
      ? [`no rule has the server name ${host}: the connection is closed`]
      : [`raw tls: by the server name ${host}`, ...weights(split), ...endpoints(snapshot, split)];
  return { listener, lines, route: null };
}

/** A URL names the port on the host, the snapshot that in the pod; where they differ, the only listener is meant. */
function atGateway({ gateway }: Tables, port: number): Routed | null {
  return gateway.get(port) ?? (gateway.size === 1 ? ([...gateway.values()][0] ?? null) : null);
}

function atSidecar({ snapshot, outbound }: Tables, host: string, port: number): Routed | null {
  const name = host.toLowerCase();
  const address = snapshot.dns.find(record => record.name === name)?.address ?? host;
  return outbound.get(outboundKey(address, port)) ?? null;
}

function outside({ dns, egress, outbound }: Snapshot, host: string, port: number): Explanation {
  const address = dns.find(record => record.name === host.toLowerCase())?.address;
  const ports = outbound.filter(listener => listener.address === address).map(listener => listener.port);
  if (address !== undefined) {
    const known = `${host} has no port ${port}, but ${ports.join(', ')}`;
    return {
      listener: 'none',
      lines: [known, 'the connection is closed: nothing else is behind a name of the mesh'],
      route: null,
    };
  }
  const fate =
    egress === 'allow-any'
      ? 'egress is allow-any: the connection goes where the address leads, as without a mesh'
      : 'egress is registry-only: HTTP is answered with 502, everything else is closed';
  return { listener: 'none', lines: [`${host} is no name of the mesh`, fate], route: null };
}

function weights(split: readonly WeightedCluster[]): readonly string[] {
  const sum = split.reduce((total, { weight }) => total + weight, 0);
  return split.map(({ cluster, weight }) => `→ ${split.length === 1 ? 100 : Math.round((weight / sum) * 1000) / 10}% ${cluster}`);
}

function endpoints({ clusters }: Snapshot, split: readonly { readonly cluster: string }[]): readonly string[] {
  return split.map(({ cluster }) => {
    const found = clusters.find(({ name }) => name === cluster)?.endpoints ?? [];
    const list = found.map(({ workload, address, port, tls }) => `${workload} ${address}:${port} ${tls}`);
    return `  ${cluster}: ${list.length === 0 ? 'no endpoints, 503 UH' : list.join(', ')}`;
  });
}
