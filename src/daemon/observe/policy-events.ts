import type { MeshEventBody } from '../../api/types.ts';
import type { PolicyReport } from '../../snapshot/observation.ts';

/** What the policies of a workload did, as events. */
export function policyEvents(workload: string, { endpoints, overflows }: PolicyReport): readonly MeshEventBody[] {
  const by = [workload];
  return [
    ...endpoints.map(
      ({ service, endpoint, health }): MeshEventBody => ({ kind: 'endpoint', change: health, service, endpoint, by }),
    ),
    ...overflows.map(({ service, refused }): MeshEventBody => ({ kind: 'overflow', service, refused, by })),
  ];
}
