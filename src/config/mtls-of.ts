import type { MtlsMode } from '../snapshot/snapshot.ts';
import type { ServiceConfig } from './mesh-config.ts';

/** What is asked of connections to a port of a service. */
export function mtlsOf({ mtls, mtlsPorts = [] }: Pick<ServiceConfig, 'mtls' | 'mtlsPorts'>, port: number): MtlsMode {
  return mtlsPorts.find(own => own.port === port)?.mode ?? mtls;
}
