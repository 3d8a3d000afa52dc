import { serviceId } from '../identity/spiffe-id.ts';
import type { MeshConfig } from './mesh-config.ts';

/** SPIFFE ID of the workloads of a service or gateway, by its name. A service that is not configured has the one it would have if nothing were said of it. */
export function identityOf(config: Pick<MeshConfig, 'trustDomain' | 'namespace' | 'services'>, name: string): string {
  const service = config.services.find(one => one.name === name);
  return serviceId(config.trustDomain, service?.namespace ?? config.namespace, service?.account ?? name);
}
