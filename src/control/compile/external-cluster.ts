/** Services outside the mesh: where they are and how they are reached. */
import type { ExternalConfig, MeshConfig, ServiceConfig } from '../../config/mesh-config.ts';
import type { Cluster, Endpoint } from '../../snapshot/snapshot.ts';
import type { ClusterKey } from './cluster.ts';

/** Subset of the cluster that leads where the client's name leads. */
export const original = '*';
/** Subset of a cluster without the sidecar's TLS, for apps that make their own; with a host where it is not the first one. */
export const untouched = 'passthrough';

/** A service by name, inside the mesh or outside. */
export function serviceOf(config: MeshConfig, name: string): ServiceConfig | undefined {
  return config.services.find(item => item.name === name) ?? externalOf(config, name);
}

/** An external service by name. */
export function externalOf(config: MeshConfig, name: string): ExternalConfig | undefined {
  return config.external?.find(item => item.name === name);
}

/** What differs between the cluster of an external service and one of pods. */
export function externalCluster({ subset, port }: ClusterKey, external: ExternalConfig): Partial<Cluster> {
  if (subset === original) return { endpoints: [], identities: [], resolution: 'original' };
  const { hosts, addresses, tls } = external;
  const host = subset === '' || subset === untouched ? hosts[0] : subset.replace(`${untouched}/`, '');
  const secure = tls !== undefined && !subset.startsWith(untouched);
  const places = addresses.length > 0 || host === undefined ? addresses : [host];
  const endpoints = places.map(
    (address): Endpoint => ({ workload: external.name, address, port, tls: secure ? 'tls' : 'plain' }),
  );
  return {
    endpoints,
    identities: [],
    ...(addresses.length > 0 ? {} : { resolution: 'dns' as const }),
    // What the app speaks to its sidecar says nothing of a far server, and HTTP/2 needs its consent in the handshake.
    ...(secure && external.speaks === 'http' && external.upstreamProtocol === undefined ? { protocol: 'http1' as const } : {}),
    ...(secure ? { tls: { ...tls, serverName: tls.serverName === '' ? (host ?? '') : tls.serverName } } : {}),
  };
}
