import { type Diagnostic, warningAt } from '../diagnostic.ts';
import type { SourceService } from '../service-source.ts';

/** UDP is published as it is and goes past the sidecar: said once for each service, because it looks as if it were in the mesh. */
export function udpDiagnostics({ name, container, positions, at, path }: SourceService): Diagnostic[] {
  const ports = container.publish.filter(publish => publish.protocol === 'udp').map(publish => publish.containerPort);
  if (ports.length === 0) return [];
  return [
    warningAt({
      code: 'udp-not-meshed',
      at: positions.get('ports') ?? at,
      path: `${path}.ports`,
      message: `UDP port ${[...new Set(ports)].join(', ')} of \`${name}\` is published, but goes past the mesh`,
      hint: 'no mTLS, rules, access or metrics for UDP; in the mesh it is reached by the address of the pod only',
    }),
  ];
}
