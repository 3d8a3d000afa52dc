/** What services ask for, as clusters of their callers and their own listeners. */
import type { PortConfig, ServiceConfig } from '../../config/mesh-config.ts';
import type { ServicePolicy } from '../../config/service-policy.ts';
import type { Cluster, InboundListener, UpstreamProtocol } from '../../snapshot/snapshot.ts';

/** The policy of one port of a service. */
export function clusterPolicy(service: ServiceConfig, port: number): Partial<Cluster> {
  const { balancer, connectTimeoutMs, idleTimeoutMs, hash, slowStartMs, limits, outliers, healthCheck } = service;
  const { maxRequestsPerConnection } = service;
  const protocol = protocolOf(service, service.ports.find(item => item.port === port)?.http2 === true);
  return {
    balancer,
    connectTimeoutMs,
    ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
    ...(hash === undefined ? {} : { hash }),
    ...(slowStartMs === undefined ? {} : { slowStartMs }),
    ...(limits === undefined ? {} : { limits }),
    ...(outliers === undefined ? {} : { outliers }),
    ...(healthCheck === undefined ? {} : { healthCheck }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(maxRequestsPerConnection === undefined ? {} : { maxRequestsPerConnection }),
  };
}

/** What the service's own sidecar does at a port. */
export function inboundPolicy(
  service: ServiceConfig,
  { protocol, http2 }: PortConfig,
): Pick<InboundListener, 'protocol' | 'appProtocol' | 'rateLimits'> {
  const appProtocol = protocolOf(service, http2 === true);
  return {
    // What counts requests has to see them: bytes that do not look like HTTP to us may be a request to the app (`\r\nGET /`, `get /`).
    protocol: protocol === 'auto' && service.rateLimits !== undefined ? 'http' : protocol,
    ...(appProtocol === undefined ? {} : { appProtocol }),
    ...(service.rateLimits === undefined ? {} : { rateLimits: service.rateLimits }),
  };
}

function protocolOf({ upstreamProtocol }: ServicePolicy, http2: boolean): UpstreamProtocol | undefined {
  return upstreamProtocol ?? (http2 ? 'http2' : undefined);
}
