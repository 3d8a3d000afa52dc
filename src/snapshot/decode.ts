/** From the wire to a `Snapshot` that may run: shape, numbers, uniqueness and references are checked again on the receiving side. */
import { isFilterProblem, parseFilter } from '../text/access-filter.ts';
import type { AccessPolicy } from './access-policy.ts';
import { accessPolicy } from './access-policy-shape.ts';
import { authorizers, pathNormalization, tokens } from './access-shapes.ts';
import { cluster } from './cluster-shapes.ts';
import { anyText, dnsName, domain, ipv4, name, pathText, port, protocol, spiffe, upstreamProtocol } from './forms.ts';
import type { RouteRule } from './route-rule.ts';
import { faults, filledSplit, rateLimits, routeTable, split } from './rule-shapes.ts';
import { flag, list, nullable, object, on, oneOf, optional, type Shape, SnapshotError, share, text, whole } from './shape.ts';
import type {
  AppMetrics,
  DnsRecord,
  GatewayClients,
  GatewayListener,
  GatewayTls,
  InboundListener,
  OutboundListener,
  Peer,
  Snapshot,
  SniRoute,
  Tracing,
  WildcardListener,
} from './snapshot.ts';

export { SnapshotError } from './shape.ts';

const mtlsMode = oneOf('strict', 'permissive', 'disabled');
const inbound = object<InboundListener>({
  port,
  protocol,
  mtls: mtlsMode,
  published: flag,
  cluster: name,
  access: nullable(accessPolicy),
  pathNormalization: optional(pathNormalization),
  tokens: optional(tokens),
  appProtocol: optional(upstreamProtocol),
  rateLimits: optional(rateLimits),
});
const outbound = object<OutboundListener>({
  address: ipv4,
  port,
  protocol,
  service: name,
  routeTable: anyText,
  tcp: split,
  tcpFaults: optional(faults),
  tlsPassthrough: optional(filledSplit),
});
const gateway = object<GatewayListener>({
  name,
  port,
  protocol: oneOf('http', 'tcp', 'tls'),
  routeTable: anyText,
  tcp: split,
  tcpFaults: optional(faults),
  tls: optional(
    object<GatewayTls>({
      certificates: filled(
        list(name, item => item),
        'certificate',
      ),
      minVersion: oneOf('1.2', '1.3'),
      clients: optional(object<GatewayClients>({ caPem: anyText, mode: oneOf('required', 'optional') })),
    }),
  ),
  httpsRedirectPort: optional(port),
  sni: optional(list(object<SniRoute>({ hosts: filled(list(domain), 'host'), split: filledSplit }))),
  access: optional(accessPolicy),
  pathNormalization: optional(pathNormalization),
  tokens: optional(tokens),
  trustedHops: optional(whole(1)),
});

const wildcard = object<WildcardListener>({
  service: name,
  port,
  protocol: oneOf('http', 'tls'),
  hosts: filled(list(domain), 'host'),
  routeTable: anyText,
  tcp: split,
});

const accessLogFilter: Shape<string> = (value, path) => {
  const source = anyText(value, path);
  const read = parseFilter(source);
  if (isFilterProblem(read)) throw new SnapshotError(path, `${read.problem} (character ${read.at + 1})`);
  return source;
};

const snapshotShape = object<Snapshot>({
  version: name,
  workload: name,
  service: name,
  serviceVersion: anyText,
  kind: oneOf('sidecar', 'gateway'),
  trustDomain: text(/^[a-z0-9._-]+$/, 'a trust domain'),
  mesh: optional(name),
  identity: spiffe,
  mtls: optional(mtlsMode),
  inbound: list(inbound, listener => String(listener.port)),
  outbound: list(outbound, listener => `${listener.address}:${listener.port}`),
  gateway: list(gateway, listener => String(listener.port)),
  routeTables: list(routeTable, table => table.name),
  clusters: list(cluster, item => item.name),
  dns: list(object<DnsRecord>({ name: dnsName, address: ipv4 }), record => record.name),
  wildcards: optional(list(wildcard)),
  egress: oneOf('allow-any', 'registry-only'),
  accessLog: oneOf('off', 'text', 'json'),
  tracing: optional(object<Tracing>({ sample: share(1), propagation: list(oneOf('w3c', 'b3', 'b3-multi')) })),
  accessLogFilter: optional(accessLogFilter),
  seed: optional(whole(0)),
  authorizers: optional(authorizers),
  edges: optional(list(spiffe)),
  peers: optional(
    list(
      object<Peer>({ address: ipv4, workload: name, service: name, version: anyText, identity: spiffe }),
      peer => peer.workload,
    ),
  ),
  scrapers: optional(list(ipv4)),
  scrapes: optional(on),
  appMetrics: optional(object<AppMetrics>({ port, path: pathText })),
});

/** What a listener leads to. */
type Routed = Pick<OutboundListener | GatewayListener, 'protocol' | 'routeTable' | 'tcp'>;

/** What listeners and rules may name. */
interface Known {
  readonly tables: ReadonlySet<string>;
  readonly clusters: ReadonlySet<string>;
}

/**
 * Checks a value from the wire and returns it as a fresh `Snapshot`. Unknown fields are refused: an ignored one could be an access
 * condition, and daemon and sidecar come from one build. `version` is taken as it is; it names the content, it does not protect it.
 * @throws SnapshotError with the path of the first problem
 */
export function decodeSnapshot(value: unknown): Snapshot {
  const snapshot = snapshotShape(value, '');
  const known: Known = {
    tables: new Set(snapshot.routeTables.map(table => table.name)),
    clusters: new Set(snapshot.clusters.map(item => item.name)),
  };
  for (const [index, listener] of snapshot.outbound.entries()) {
    const path = `outbound[${index}]`;
    checkTable(listener, path, known);
    checkTcp(listener, path, known);
    checkTcpFaults(listener, path);
    checkClusters(listener.tlsPassthrough ?? [], `${path}.tlsPassthrough`, known);
  }
  for (const [index, wild] of (snapshot.wildcards ?? []).entries()) {
    const path = `wildcards[${index}]`;
    checkTable({ ...wild, protocol: wild.protocol === 'tls' ? 'tcp' : 'http' }, path, known);
    checkTcp({ ...wild, protocol: wild.protocol === 'tls' ? 'tcp' : 'http' }, path, known);
  }
  for (const [index, listener] of snapshot.gateway.entries()) {
    const path = `gateway[${index}]`;
    if (listener.protocol !== 'tls') {
      checkTable(listener, path, known);
      checkTcp(listener, path, known);
      checkTcpFaults(listener, path);
    }
    for (const [s, route] of (listener.sni ?? []).entries()) checkClusters(route.split, `${path}.sni[${s}].split`, known);
  }
  checkClusters(snapshot.authorizers ?? [], 'authorizers', known);
  for (const [index, listener] of snapshot.inbound.entries())
    checkAuthorizers(listener.access, `inbound[${index}].access`, snapshot);
  for (const [index, { access }] of snapshot.gateway.entries())
    checkAuthorizers(access ?? null, `gateway[${index}].access`, snapshot);
  for (const [t, table] of snapshot.routeTables.entries()) {
    for (const [h, host] of table.virtualHosts.entries()) {
      for (const [r, rule] of host.rules.entries()) checkRule(rule, `routeTables[${t}].virtualHosts[${h}].rules[${r}]`, known);
    }
  }
  return snapshot;
}

function checkAuthorizers(access: AccessPolicy | null, path: string, { authorizers: known = [] }: Snapshot): void {
  for (const [index, { authorizer }] of (access?.rules ?? []).entries()) {
    if (authorizer !== undefined && !known.some(one => one.name === authorizer))
      throw new SnapshotError(`${path}.rules[${index}].authorizer`, `no authorizer "${authorizer}"`);
  }
}

/** HTTP needs a route table; elsewhere it may be empty. */
function checkTable(listener: Routed, path: string, { tables }: Known): void {
  const needed = listener.protocol !== 'tcp' || listener.routeTable !== '';
  if (needed && !tables.has(listener.routeTable))
    throw new SnapshotError(`${path}.routeTable`, `no route table "${listener.routeTable}"`);
}

/** Raw TCP needs a destination, `auto` too. */
function checkTcp(listener: Routed, path: string, known: Known): void {
  if (listener.protocol !== 'http' && listener.tcp.length === 0)
    throw new SnapshotError(`${path}.tcp`, 'expected at least one destination');
  checkClusters(listener.tcp, `${path}.tcp`, known);
}

function checkTcpFaults(listener: OutboundListener | GatewayListener, path: string): void {
  const abort = listener.tcpFaults?.findIndex(fault => fault.kind === 'abort') ?? -1;
  if (abort >= 0) throw new SnapshotError(`${path}.tcpFaults[${abort}].kind`, 'raw TCP has no answer to abort with');
}

function checkRule({ action, mirrors }: RouteRule, path: string, known: Known): void {
  if (action.kind === 'forward') checkClusters(action.split, `${path}.action.split`, known);
  checkClusters(mirrors ?? [], `${path}.mirrors`, known);
}

function checkClusters(entries: readonly { readonly cluster: string }[], path: string, { clusters }: Known): void {
  for (const [index, entry] of entries.entries()) {
    if (!clusters.has(entry.cluster)) throw new SnapshotError(`${path}[${index}].cluster`, `no cluster "${entry.cluster}"`);
  }
}

function filled<T>(shape: (value: unknown, path: string) => readonly T[], what: string): typeof shape {
  return (value, path) => {
    const items = shape(value, path);
    if (items.length === 0) throw new SnapshotError(path, `expected at least one ${what}`);
    return items;
  };
}
