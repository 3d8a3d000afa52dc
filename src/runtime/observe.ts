/** The project's containers, as the engine lists them, put together into pods by their labels. */

import { networkName } from './desired.ts';
import type { ContainerFacts, Docker } from './docker.ts';
import type { Role } from './labels.ts';
import { isMadeByMesh, labelKeys } from './labels.ts';
import type { ObservedContainer, ObservedPod } from './runtime.ts';

/** A container with what reconcile needs beyond the public facts. */
export interface SeenContainer extends ObservedContainer {
  readonly imageId: string;
  readonly environmentHash: string;
}

/** A pod as seen, with the folder it was started from. */
export interface SeenPod extends ObservedPod {
  readonly dir: string;
  readonly pause: SeenContainer | null;
  readonly sidecar: SeenContainer | null;
  readonly app: SeenContainer | null;
}

/** One listing; what only carries our labels is not taken for ours. Sorted by workload. */
export async function observePods(docker: Docker, project: string, controlPort: number): Promise<readonly SeenPod[]> {
  const labelled = await docker.listContainers({ [labelKeys.project]: project });
  return podsOf(labelled.filter(isMadeByMesh), project, controlPort);
}

/** Groups containers by workload. Pure. */
export function podsOf(containers: readonly ContainerFacts[], project: string, controlPort: number): readonly SeenPod[] {
  const groups = Map.groupBy(
    containers.filter(one => one.labels[labelKeys.workload] !== undefined),
    one => one.labels[labelKeys.workload] ?? '',
  );
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([workload, group]): SeenPod => {
      const labels = group[0]?.labels ?? {};
      const pause = group.find(one => one.labels[labelKeys.role] === 'pause');
      const running = pause?.state === 'running';
      return {
        workload,
        service: labels[labelKeys.service] ?? '',
        version: labels[labelKeys.version] ?? '',
        kind: labels[labelKeys.kind] === 'gateway' ? 'gateway' : 'service',
        replica: Number(labels[labelKeys.replica] ?? 1),
        dir: labels[labelKeys.dir] ?? '',
        pause: seen(group, 'pause'),
        sidecar: seen(group, 'sidecar'),
        app: seen(group, 'app'),
        address: running ? (pause.addresses[networkName(project)] ?? null) : null,
        controlPort: running ? (pause.published.find(one => one.containerPort === controlPort)?.hostPort ?? null) : null,
      };
    });
}

function seen(group: readonly ContainerFacts[], role: Role): SeenContainer | null {
  const facts = group.find(one => one.labels[labelKeys.role] === role);
  if (facts === undefined) return null;
  const { id, name, image, imageId, state, health, exitCode, oomKilled, startedAt, labels } = facts;
  return {
    id,
    name,
    image,
    imageId: labels[labelKeys.imageId] ?? imageId,
    state,
    health,
    exitCode,
    oomKilled,
    startedAt,
    configHash: labels[labelKeys.configHash] ?? '',
    environmentHash: labels[labelKeys.environmentHash] ?? '',
  };
}
