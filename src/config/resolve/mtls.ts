import type { MtlsMode } from '../../snapshot/snapshot.ts';
import type { PortMtls, ServiceConfig } from '../mesh-config.ts';
import type { ServiceMtlsSpec } from '../schema/mtls.ts';
import { shown } from '../shown.ts';
import type { Report } from './report.ts';
import { sidecarPorts } from './sidecar-ports.ts';

/** The modes of a service. `mesh`: for what it does not say. */
export function resolveMtls(
  spec: ServiceMtlsSpec | undefined,
  mesh: MtlsMode,
  path: readonly string[],
  report: Report,
): Pick<ServiceConfig, 'mtls' | 'mtlsPorts'> {
  const mode = spec?.mode ?? mesh;
  const ports = Object.entries(spec?.ports ?? {}).flatMap(([written, own]): PortMtls[] => {
    const port = /^\d{1,5}$/.test(written) ? Number(written) : 0;
    const at = { code: 'bad-value', key: true };
    if (port >= 1 && port <= 65_535 && !sidecarPorts.includes(port)) return [{ port, mode: own }];
    const message = sidecarPorts.includes(port) ? `${port} is a port of the sidecar` : `${shown(written)} is not a port`;
    report.error([...path, 'mtls', 'ports', written], { ...at, message, hint: 'a port that the app listens on, e.g. `9091`' });
    return [];
  });
  return { mtls: mode, ...(ports.length === 0 ? {} : { mtlsPorts: ports.sort((a, b) => a.port - b.port) }) };
}
