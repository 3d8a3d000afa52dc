/**
 * `MeshConfig` + registry → one `Snapshot` per workload. Pure: reads no clock and does no I/O; the same input gives the same bytes.
 * Any change of input re-runs all of it; nobody patches a snapshot.
 */
import type { MeshConfig } from '../../config/mesh-config.ts';
import { contentHash } from '../../snapshot/content-hash.ts';
import type { Cluster, InboundListener, Snapshot } from '../../snapshot/snapshot.ts';
import type { LiveFault } from '../live-fault.ts';
import type { RegisteredWorkload } from '../registry.ts';
import { compileAccess } from './access.ts';
import { clusterName, compileCluster } from './cluster.ts';
import { compileGateway } from './gateway.ts';
import { clusterCollector } from './route.ts';
import { compileDns, compileOutbound, meshNames } from './service-view.ts';
import { virtualAddresses } from './virtual-address.ts';

/** Everything that a compile depends on. */
export interface CompileInput {
  readonly config: MeshConfig;
  readonly workloads: readonly RegisteredWorkload[];
  /** `addresses` of the compile before; names keep their virtual address while they exist. */
  readonly addresses: ReadonlyMap<string, string>;
  /** Put on the running mesh, in order. @default none */
  readonly faults?: readonly LiveFault[];
}

/** What a compile gives. */
export interface Compiled {
  /** By workload name, sorted. Workloads that are gone or whose service is not in the configuration get none. */
  readonly snapshots: ReadonlyMap<string, Snapshot>;
  /** Virtual address per name. */
  readonly addresses: ReadonlyMap<string, string>;
}

type Tables = Pick<Snapshot, 'outbound' | 'gateway' | 'routeTables' | 'clusters' | 'dns'>;

/** Tables with their hash: all sidecars share theirs, and hashing them for each would make a compile grow with the square of the mesh. */
interface HashedTables {
  readonly tables: Tables;
  readonly hash: string;
}

/** Compiles the whole mesh. */
export function compile({ config, workloads, addresses: held }: CompileInput): Compiled {
  const names = meshNames(config);
  const addresses = virtualAddresses(
    names.map(entry => entry.name),
    held,
  );
  const clusters = clusterCache(config, workloads);
  const sidecarTables = compileSidecarTables(config, addresses, clusters);

  const snapshots = new Map<string, Snapshot>();
  for (const workload of workloads.filter(item => item.state !== 'gone').sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const hashed = workload.kind === 'sidecar' ? sidecarTables : compileGatewayTables(workload, config, clusters);
    const inbound = compileInbound(workload, config);
    if (hashed === null || inbound === null) continue;
    const own = {
      workload: workload.name,
      service: workload.service,
      serviceVersion: workload.version,
      kind: workload.kind,
      trustDomain: config.trustDomain,
      inbound,
      egress: config.egress,
      accessLog: config.proxy.accessLog,
    };
    snapshots.set(workload.name, { version: contentHash([own, hashed.hash]), ...own, ...hashed.tables });
  }
  return { snapshots, addresses };
}

/** All services are open to all sidecars. */
function compileSidecarTables(config: MeshConfig, addresses: ReadonlyMap<string, string>, clusters: ClusterCache): HashedTables {
  const names = meshNames(config);
  const { use, keys } = clusterCollector();
  const parts = names.map(entry => compileOutbound(entry, addresses.get(entry.name) ?? '', config, use));
  return withHash({
    outbound: parts
      .flatMap(part => part.listeners)
      .sort((a, b) => (a.address === b.address ? a.port - b.port : a.address < b.address ? -1 : 1)),
    gateway: [],
    routeTables: parts.flatMap(part => part.tables).sort(byName),
    clusters: keys().map(clusters).sort(byName),
    dns: compileDns(config, names, addresses),
  });
}

function withHash(tables: Tables): HashedTables {
  return { tables, hash: contentHash(tables) };
}

/** A gateway gets only what it routes to. `null`: no such gateway in the configuration. */
function compileGatewayTables(workload: RegisteredWorkload, config: MeshConfig, clusters: ClusterCache): HashedTables | null {
  const gateway = config.gateways.find(item => item.name === workload.service);
  if (gateway === undefined) return null;
  const { use, keys } = clusterCollector();
  const { listeners, tables } = compileGateway(gateway, config, use);
  return withHash({
    outbound: [],
    gateway: listeners,
    routeTables: tables,
    clusters: keys().map(clusters).sort(byName),
    dns: [],
  });
}

/** `null`: no such service in the configuration. */
function compileInbound(workload: RegisteredWorkload, config: MeshConfig): readonly InboundListener[] | null {
  if (workload.kind === 'gateway') return [];
  const service = config.services.find(item => item.name === workload.service);
  if (service === undefined) return null;
  const published = service.versions.find(version => version.name === workload.version)?.container.publish ?? [];
  return service.ports
    .map(({ port, protocol }) => ({
      port,
      protocol,
      mtls: service.mtls,
      published: published.some(item => item.containerPort === port && item.protocol === 'tcp'),
      cluster: `inbound|${port}||${service.name}`,
      access: compileAccess(config, service.name, protocol),
    }))
    .sort((a, b) => a.port - b.port);
}

type ClusterCache = (key: Parameters<typeof compileCluster>[0]) => Cluster;

/** Gateways and sidecars share clusters; each is built once per compile. */
function clusterCache(config: MeshConfig, workloads: readonly RegisteredWorkload[]): ClusterCache {
  const built = new Map<string, Cluster>();
  return key => {
    const name = clusterName(key);
    const cluster = built.get(name) ?? compileCluster(key, config, workloads);
    built.set(name, cluster);
    return cluster;
  };
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}
