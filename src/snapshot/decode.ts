/** From the wire to a `Snapshot` that may run: shape, numbers, uniqueness and references are checked again on the receiving side. */
import { compilePattern } from './pattern.ts';
import { flag, list, nullable, object, oneOf, type Shape, SnapshotError, share, text, whole } from './shape.ts';
import type {
  AccessPolicy,
  AccessRule,
  Cluster,
  DnsRecord,
  Endpoint,
  GatewayListener,
  InboundListener,
  NamedMatch,
  OutboundListener,
  PathMatch,
  RetryPolicy,
  RouteMatch,
  RouteRule,
  RouteTable,
  Snapshot,
  VirtualHost,
  WeightedCluster,
} from './snapshot.ts';

export { SnapshotError } from './shape.ts';

const octet = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
/** Node's timers take at most 2^31 - 1 ms; a larger delay would fire at once. */
const maxTimeoutMs = 2 ** 31 - 1;

const name = text(/^.+$/s, 'a name');
const anyText = text();
const port = whole(1, 65535);
const durationMs = whole(1, maxTimeoutMs);
const ipv4 = text(new RegExp(`^${octet}(?:\\.${octet}){3}$`), 'an IPv4 address');
const spiffe = text(/^spiffe:\/\/[a-z0-9._-]+(?:\/[A-Za-z0-9._-]+)+$/, 'a SPIFFE ID');
const principal = text(/^(?:\*|spiffe:\/\/[a-z0-9._-]+(?:\/[A-Za-z0-9._-]+)+)$/, 'a SPIFFE ID or *');
const method = text(/^[!#$%&'*+.^_`|~0-9A-Z-]+$/, 'a method in upper case');
const dnsName = text(/^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/, 'a lower-case DNS name');
const domain = text(
  /^(?:\*|(?:\*\.)?[a-z0-9_.:[\]-]*[a-z0-9_\]]|[a-z0-9_][a-z0-9_.-]*\.\*)$/,
  'a lower-case host, *.suffix, prefix.* or *',
);
const protocol = oneOf('http', 'tcp', 'auto');

const weightedCluster = object<WeightedCluster>({ cluster: name, weight: share(2 ** 32 - 1) });
const split: Shape<readonly WeightedCluster[]> = (value, path) => {
  const entries = list(weightedCluster, entry => entry.cluster)(value, path);
  const idle = entries.length > 1 ? entries.findIndex(entry => entry.weight === 0) : -1;
  if (idle >= 0) throw new SnapshotError(`${path}[${idle}].weight`, 'expected more than 0 beside other destinations');
  return entries;
};
const filledSplit: Shape<readonly WeightedCluster[]> = (value, path) => {
  const entries = split(value, path);
  if (entries.length === 0) throw new SnapshotError(path, 'expected at least one destination');
  return entries;
};

const accessRule = object<AccessRule>({
  name: anyText,
  action: oneOf('allow', 'deny'),
  principals: list(principal),
  methods: list(method),
  paths: list(name),
  hosts: list(name),
});
const accessPolicy = object<AccessPolicy>({ default: oneOf('allow', 'deny'), rules: list(accessRule) });

const inbound = object<InboundListener>({
  port,
  protocol,
  mtls: oneOf('strict', 'permissive', 'disabled'),
  published: flag,
  cluster: name,
  access: nullable(accessPolicy),
});
const outbound = object<OutboundListener>({ address: ipv4, port, protocol, service: name, routeTable: anyText, tcp: split });
const gateway = object<GatewayListener>({ name, port, protocol: oneOf('http', 'tcp'), routeTable: anyText, tcp: split });

const pathMatch = checkedRegex(object<PathMatch>({ kind: oneOf('exact', 'prefix', 'regex'), value: name }));
const namedMatch = (form: Shape<string>): Shape<NamedMatch> =>
  checkedRegex(object<NamedMatch>({ name: form, kind: oneOf('exact', 'prefix', 'regex', 'present', 'absent'), value: anyText }));
const routeMatch = object<RouteMatch>({
  path: nullable(pathMatch),
  methods: list(method),
  headers: list(namedMatch(text(/^[!#$%&'*+.^_`|~0-9a-z-]+$/, 'a header name in lower case'))),
  query: list(namedMatch(anyText)),
});
const retry = object<RetryPolicy>({
  attempts: whole(0, 100),
  on: list(oneOf('connect-failure', 'reset', '5xx', 'gateway-error', 'retriable-status-codes')),
  statusCodes: list(whole(100, 599)),
  perTryTimeoutMs: nullable(durationMs),
  methods: list(method),
  backoffBaseMs: whole(0, maxTimeoutMs),
});
const routeRule = object<RouteRule>({
  name: anyText,
  matches: list(routeMatch),
  action: object<RouteRule['action']>({ kind: oneOf('forward'), split: filledSplit }),
  timeoutMs: nullable(durationMs),
  retry: nullable(retry),
});
const virtualHost = object<VirtualHost>({ name, domains: list(domain), rules: list(routeRule) });
const routeTable: Shape<RouteTable> = (value, path) => {
  const table = object<RouteTable>({ name, virtualHosts: list(virtualHost, host => host.name) })(value, path);
  const seen = new Set<string>();
  for (const [index, host] of table.virtualHosts.entries()) {
    for (const item of host.domains) {
      if (seen.has(item))
        throw new SnapshotError(`${path}.virtualHosts[${index}].domains`, `"${item}" is there twice in the table`);
      seen.add(item);
    }
  }
  return table;
};

const endpoint = object<Endpoint>({ workload: name, address: ipv4, port, tls: oneOf('mtls', 'plain') });
const cluster = object<Cluster>({
  name,
  service: name,
  subset: anyText,
  port,
  endpoints: list(endpoint, item => `${item.workload} ${item.address}:${item.port}`),
  balancer: oneOf('round-robin', 'least-request'),
  connectTimeoutMs: durationMs,
  identities: list(spiffe),
  idleTimeoutMs: durationMs,
});

const snapshotShape = object<Snapshot>({
  version: name,
  workload: name,
  service: name,
  serviceVersion: anyText,
  kind: oneOf('sidecar', 'gateway'),
  trustDomain: text(/^[a-z0-9._-]+$/, 'a trust domain'),
  inbound: list(inbound, listener => String(listener.port)),
  outbound: list(outbound, listener => `${listener.address}:${listener.port}`),
  gateway: list(gateway, listener => String(listener.port)),
  routeTables: list(routeTable, table => table.name),
  clusters: list(cluster, item => item.name),
  dns: list(object<DnsRecord>({ name: dnsName, address: ipv4 }), record => record.name),
  egress: oneOf('allow-any', 'registry-only'),
  accessLog: oneOf('off', 'text', 'json'),
});

/**
 * Checks a value from the wire and returns it as a fresh `Snapshot`. Unknown fields are refused: an ignored one could be an access
 * condition, and daemon and sidecar come from one build. `version` is taken as it is; it names the content, it does not protect it.
 * @throws SnapshotError with the path of the first problem
 */
export function decodeSnapshot(value: unknown): Snapshot {
  const snapshot = snapshotShape(value, '');
  const tables = new Set(snapshot.routeTables.map(table => table.name));
  const clusters = new Set(snapshot.clusters.map(item => item.name));

  for (const [index, listener] of snapshot.outbound.entries()) checkListener(listener, `outbound[${index}]`, tables, clusters);
  for (const [index, listener] of snapshot.gateway.entries()) checkListener(listener, `gateway[${index}]`, tables, clusters);
  for (const [t, table] of snapshot.routeTables.entries()) {
    for (const [h, host] of table.virtualHosts.entries()) {
      for (const [r, rule] of host.rules.entries())
        checkSplit(rule.action.split, `routeTables[${t}].virtualHosts[${h}].rules[${r}].action.split`, clusters);
    }
  }
  return snapshot;
}

/** HTTP needs a route table, raw TCP a destination, `auto` both; what is not needed may be empty. */
function checkListener(
  listener: OutboundListener | GatewayListener,
  path: string,
  tables: ReadonlySet<string>,
  clusters: ReadonlySet<string>,
): void {
  const needsTable = listener.protocol !== 'tcp' || listener.routeTable !== '';
  if (needsTable && !tables.has(listener.routeTable))
    throw new SnapshotError(`${path}.routeTable`, `no route table "${listener.routeTable}"`);
  if (listener.protocol !== 'http' && listener.tcp.length === 0)
    throw new SnapshotError(`${path}.tcp`, 'expected at least one destination');
  checkSplit(listener.tcp, `${path}.tcp`, clusters);
}

function checkSplit(entries: readonly WeightedCluster[], path: string, clusters: ReadonlySet<string>): void {
  for (const [index, entry] of entries.entries()) {
    if (!clusters.has(entry.cluster)) throw new SnapshotError(`${path}[${index}].cluster`, `no cluster "${entry.cluster}"`);
  }
}

/** A pattern that does not compile is refused here, with its path, before anything is built from it. */
function checkedRegex<T extends PathMatch | NamedMatch>(shape: Shape<T>): Shape<T> {
  return (value, path) => {
    const match = shape(value, path);
    if (match.kind === 'regex') {
      try {
        compilePattern(match.value);
      } catch {
        throw new SnapshotError(`${path}.value`, `not a regular expression: ${JSON.stringify(match.value)}`);
      }
    }
    return match;
  };
}
