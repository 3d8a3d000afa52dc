/**
 * `MeshConfig` + registry → one `Snapshot` per workload. Pure: reads no clock and does no I/O; the same input gives the same bytes.
 * Any change of input re-runs all of it; nobody patches a snapshot.
 */
import { servicePolicy } from '../../config/access-policy-of.ts';
import { identityOf } from '../../config/identity-of.ts';
import type { MeshConfig, PortConfig, RouteRuleConfig, ServiceConfig } from '../../config/mesh-config.ts';
import { mtlsOf } from '../../config/mtls-of.ts';
import { contentHash } from '../../snapshot/content-hash.ts';
import type { Cluster, InboundListener, Snapshot } from '../../snapshot/snapshot.ts';
import type { LiveFault } from '../live-fault.ts';
import { type Changeover, changeoverKey } from '../mtls-changeover.ts';
import type { RegisteredWorkload } from '../registry.ts';
import { compileAuthorizers } from './authorizer.ts';
import { type ClusterKey, clusterName, compileCluster } from './cluster.ts';
import { compileWildcards } from './external.ts';
import { compileGateway } from './gateway.ts';
import { compilePeers, scraperAddresses } from './peers.ts';
import { inboundPolicy } from './policy.ts';
import { clusterCollector } from './route.ts';
import { compileDns, compileOutbound, type MeshName, meshNames, type OutboundPart } from './service-view.ts';
import { gatewayTokens, type IssuerKeys, isNamed, serviceTokens } from './token.ts';
import { virtualAddresses } from './virtual-address.ts';

/** Everything that a compile depends on. */
export interface CompileInput {
  readonly config: MeshConfig;
  readonly workloads: readonly RegisteredWorkload[];
  /** `addresses` of the compile before; names keep their virtual address while they exist. */
  readonly addresses: ReadonlyMap<string, string>;
  /** Ports whose callers are just changing what they send. @default none */
  readonly changeover?: Changeover;
  /** Put on the running mesh, in order. @default none */
  readonly faults?: readonly LiveFault[];
  /** Of issuers whose keys are fetched. @default none */
  readonly issuerKeys?: IssuerKeys;
}

/** What a compile gives. */
export interface Compiled {
  /** By workload name, sorted. Workloads that are gone or whose service is not in the configuration get none. */
  readonly snapshots: ReadonlyMap<string, Snapshot>;
  /** Virtual address per name. */
  readonly addresses: ReadonlyMap<string, string>;
}

type Tables = Pick<Snapshot, 'outbound' | 'gateway' | 'routeTables' | 'clusters' | 'dns' | 'wildcards'>;

/** Tables with their hash: sidecars share them, and hashing them for each would make a compile grow with the square of the mesh. */
interface HashedTables {
  readonly tables: Tables;
  readonly hash: string;
}

/** Compiles the whole mesh. */
export function compile(input: CompileInput): Compiled {
  const { config, workloads } = input;
  const names = meshNames(config);
  const addresses = virtualAddresses(
    names.map(entry => entry.name),
    input.addresses,
  );
  const clusters = clusterCache(input);
  const sidecarTables = sidecarTablesOf(input, addresses, clusters);
  const peers = compilePeers(config, workloads);
  const peersHash = contentHash(peers);
  const edges = edgesOf(config);
  const scrapers = scraperAddresses(config, workloads);

  const snapshots = new Map<string, Snapshot>();
  for (const workload of workloads.filter(item => item.state !== 'gone').sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const hashed =
      workload.kind === 'sidecar' ? sidecarTables(workload.service) : compileGatewayTables(workload, input, clusters);
    const inbound = compileInbound(workload, input);
    if (hashed === null || inbound === null) continue;
    const policies = [...inbound, ...hashed.tables.gateway].map(({ access }) => access);
    const { authorizers, keys } = compileAuthorizers(config, policies);
    const own = {
      workload: workload.name,
      service: workload.service,
      serviceVersion: workload.version,
      kind: workload.kind,
      trustDomain: config.trustDomain,
      mesh: config.name,
      identity: identityOf(config, workload.service),
      ...otherPorts(config, workload.service),
      inbound,
      egress: config.egress,
      ...accessLogOf(config, workload.service),
      ...tracingOf(config, workload.service),
      ...appMetricsOf(config, workload.service),
      ...(scrapers.length === 0 ? {} : { scrapers }),
      ...(config.metrics?.scrapers.includes(workload.service) === true ? { scrapes: true as const } : {}),
      ...(config.seed === undefined ? {} : { seed: config.seed }),
      ...(authorizers.length === 0 ? {} : { authorizers }),
      ...(inbound.length === 0 || edges.length === 0 ? {} : { edges }),
    };
    const { tables, hash } = withClusters(hashed, keys.map(clusters));
    // Only who is called asks who calls, and only who scrapes whom there is to scrape.
    const asks = inbound.length > 0 || own.scrapes === true;
    const version = contentHash([own, hash, ...(asks ? [peersHash] : [])]);
    snapshots.set(workload.name, { version, ...own, ...tables, ...(asks ? { peers } : {}) });
  }
  return { snapshots, addresses };
}

/** Gateways that end HTTP, and share their identity with no service. */
function edgesOf(config: MeshConfig): readonly string[] {
  const services = new Set(config.services.map(({ name }) => identityOf(config, name)));
  const edges = config.gateways.filter(({ protocol }) => protocol === 'http').map(({ name }) => identityOf(config, name));
  return edges.filter(id => !services.has(id)).sort();
}

/** Beside the clusters that routes lead to, those of authorizers. */
function withClusters(hashed: HashedTables, others: readonly ReturnType<ClusterCache>[]): HashedTables {
  const { clusters } = hashed.tables;
  const more = others.filter(({ cluster }) => !clusters.some(({ name }) => name === cluster.name));
  if (more.length === 0) return hashed;
  const all = [...clusters, ...more.map(({ cluster }) => cluster)].sort(byName);
  return { tables: { ...hashed.tables, clusters: all }, hash: contentHash([hashed.hash, more.map(item => item.hash)]) };
}

/** What one name contributes, with the clusters it uses. */
interface Part extends OutboundPart {
  readonly clusters: readonly ClusterKey[];
  readonly hash: string;
}

/**
 * The tables of a service's sidecars: all services are open to all of them. Only rules that ask who calls differ between callers; every other part is
 * made and hashed once, and callers whom no rule names share everything.
 */
function sidecarTablesOf(
  { config, faults: liveFaults = [] }: CompileInput,
  addresses: ReadonlyMap<string, string>,
  clusters: ClusterCache,
): (service: string) => HashedTables {
  const names = meshNames(config);
  const dns = compileDns(config, names, addresses);
  const dnsHash = contentHash(dns);
  const outside = config.external ?? [];
  const named = new Set([...config.services, ...outside].flatMap(service => service.routes.flatMap(callersOf)));
  const make = (entry: MeshName, source: string | null): Part => {
    const { use, keys } = clusterCollector();
    const part = compileOutbound(entry, addresses.get(entry.name) ?? '', source, { config, liveFaults, use });
    return { ...part, clusters: keys(), hash: contentHash(part) };
  };
  const shared = new Map(names.filter(entry => !asksCaller(entry)).map(entry => [entry, make(entry, null)]));
  const assemble = (source: string | null): HashedTables => {
    const parts = names.map(entry => shared.get(entry) ?? make(entry, source));
    const { use, keys } = clusterCollector();
    const wild = outside.map(external => compileWildcards(external, source, { config, liveFaults, use }));
    const wildcards = wild.flatMap(part => part.wildcards);
    const used = new Map([...parts.flatMap(part => part.clusters), ...keys()].map(key => [clusterName(key), key]));
    const found = [...used.values()].map(clusters);
    return {
      tables: {
        outbound: parts
          .flatMap(part => part.listeners)
          .sort((a, b) => (a.address === b.address ? a.port - b.port : a.address < b.address ? -1 : 1)),
        gateway: [],
        routeTables: [...parts, ...wild].flatMap(part => part.tables).sort(byName),
        clusters: found.map(item => item.cluster).sort(byName),
        dns,
        ...(wildcards.length === 0 ? {} : { wildcards }),
      },
      hash: contentHash([
        parts.map(part => part.hash),
        ...(wild.length === 0 ? [] : [wild]),
        found.map(item => item.hash),
        dnsHash,
      ]),
    };
  };
  const built = new Map<string | null, HashedTables>();
  return service => {
    const source = named.has(service) ? service : null;
    const tables = built.get(source) ?? assemble(source);
    built.set(source, tables);
    return tables;
  };
}

function asksCaller({ service, subset }: MeshName): boolean {
  return subset === '' && service.routes.some(rule => callersOf(rule).length > 0);
}

function callersOf(rule: RouteRuleConfig): readonly string[] {
  return rule.matches.flatMap(match => match.from);
}

/** A gateway gets only what it routes to. `null`: no such gateway in the configuration. */
function compileGatewayTables(
  workload: RegisteredWorkload,
  { config, faults: liveFaults = [], issuerKeys = new Map() }: CompileInput,
  clusters: ClusterCache,
): HashedTables | null {
  const gateway = config.gateways.find(item => item.name === workload.service);
  if (gateway === undefined) return null;
  const { use, keys } = clusterCollector();
  const { listeners, tables: routeTables } = compileGateway(
    gateway,
    { config, liveFaults, use },
    gatewayTokens(config, gateway, issuerKeys),
  );
  const tables: Tables = {
    outbound: [],
    gateway: listeners,
    routeTables,
    clusters: keys()
      .map(key => clusters(key).cluster)
      .sort(byName),
    dns: [],
  };
  return { tables, hash: contentHash(tables) };
}

/** `null`: no such service in the configuration. */
function compileInbound(
  workload: RegisteredWorkload,
  { config, issuerKeys = new Map(), changeover = new Map() }: CompileInput,
): readonly InboundListener[] | null {
  if (workload.kind === 'gateway') return [];
  const service = config.services.find(item => item.name === workload.service);
  if (service === undefined) return null;
  const published = service.versions.find(version => version.name === workload.version)?.container.publish ?? [];
  const tokens = serviceTokens(config, service.name, issuerKeys);
  return inboundPorts(service)
    .map(written => [written, inboundPolicy(service, written)] as const)
    .map(([{ port }, { protocol, ...policy }]) => ({
      port,
      // To other bytes nobody would look for a token: they may be a request to the app all the same, with forged claims.
      protocol: protocol === 'auto' && isNamed(config, service.name) ? 'http' : protocol,
      mtls: changeover.has(changeoverKey(service.name, port)) ? ('permissive' as const) : mtlsOf(service, port),
      published: published.some(item => item.containerPort === port && item.protocol === 'tcp'),
      cluster: `inbound|${port}||${service.name}`,
      access: servicePolicy(config, service.name),
      ...normalization(config),
      ...(tokens.length === 0 || protocol === 'tcp' ? {} : { tokens }),
      ...policy,
    }))
    .sort((a, b) => a.port - b.port);
}

/** How requests are traced at a service or gateway. */
function tracingOf(config: MeshConfig, name: string): Pick<Snapshot, 'tracing'> {
  const own = config.services.find(service => service.name === name)?.tracing;
  const tracing = own === undefined ? config.tracing : (own ?? undefined);
  return tracing === undefined ? {} : { tracing };
}

/** Where the app of a service has its own metrics. */
function appMetricsOf(config: MeshConfig, name: string): Pick<Snapshot, 'appMetrics'> {
  const metrics = config.services.find(service => service.name === name)?.metrics;
  return metrics === undefined ? {} : { appMetrics: metrics };
}

/** Which requests leave a line at a service or gateway. */
function accessLogOf(config: MeshConfig, name: string): Pick<Snapshot, 'accessLog' | 'accessLogFilter'> {
  const { accessLog, accessLogFilter } = config.services.find(service => service.name === name)?.accessLog ?? config.proxy;
  return { accessLog, ...(accessLogFilter === undefined ? {} : { accessLogFilter }) };
}

/** What is asked at ports that nobody named. */
function otherPorts(config: MeshConfig, name: string): Pick<Snapshot, 'mtls'> {
  const mode = config.services.find(service => service.name === name)?.mtls ?? 'strict';
  return mode === 'strict' ? {} : { mtls: mode };
}

/** Ports of the service, and such that only its mTLS modes name: nobody dials them by name, what comes to them is told by its bytes. */
function inboundPorts({ ports, mtlsPorts = [] }: ServiceConfig): readonly PortConfig[] {
  const known = new Set(ports.map(({ port }) => port));
  const others = mtlsPorts.filter(({ port }) => !known.has(port));
  return [
    ...ports,
    ...others.map(({ port }): PortConfig => ({ port, name: '', protocol: 'auto', protocolFrom: 'unknown', exposed: true })),
  ];
}

type ClusterCache = (key: ClusterKey) => { readonly cluster: Cluster; readonly hash: string };

/** Gateways and sidecars share clusters; each is built once per compile. */
function clusterCache({ config, workloads, changeover = new Map() }: CompileInput): ClusterCache {
  const built = new Map<string, ReturnType<ClusterCache>>();
  return key => {
    const name = clusterName(key);
    const before = built.get(name);
    if (before !== undefined) return before;
    const cluster = compileCluster(key, config, workloads, changeover);
    const entry = { cluster, hash: contentHash(cluster) };
    built.set(name, entry);
    return entry;
  };
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

/** How paths are made one, where mesh.yaml says it. */
function normalization({ pathNormalization }: MeshConfig): Pick<InboundListener, 'pathNormalization'> {
  return pathNormalization === undefined ? {} : { pathNormalization };
}
