/** Removes all that the mesh made for the project, and nothing else: it needs no configuration and takes what a crash left half made. */
import { Slots } from '../async/slots.ts';
import type { ContainerFacts, Docker } from './docker.ts';
import { isMadeByMesh, labelKeys } from './labels.ts';
import { RuntimeError } from './runtime-error.ts';

const atOnce = 8;

/** Apps stop in their own time, all at once; then everything goes. Images stay. Idempotent. */
export async function downProject(
  docker: Docker,
  project: string,
  options: { readonly volumes: boolean; readonly onProgress: (line: string) => void },
): Promise<void> {
  const labels = { [labelKeys.project]: project };
  const { made = [], foreign = [] } = Object.groupBy(await docker.listContainers(labels), one =>
    isMadeByMesh(one) ? 'made' : 'foreign',
  );
  for (const { name } of foreign) options.onProgress(`left container ${name}: it has the mesh's labels, not a name of the mesh`);
  const slots = new Slots(atOnce);
  const pods = Map.groupBy(made, one => one.labels[labelKeys.workload] ?? one.name);
  await Promise.all(
    [...pods].map(([workload, group]) =>
      slots.run(() => removeGroup(docker, group)).then(() => options.onProgress(`removed pod ${workload}`)),
    ),
  );
  for (const network of await docker.listNetworks(labels)) {
    await removeNetwork(docker, network.id, network.name);
    options.onProgress(`removed network ${network.name}`);
  }
  if (!options.volumes) return;
  for (const volume of await docker.listVolumes(labels)) {
    await docker.removeVolume(volume.name);
    options.onProgress(`removed volume ${volume.name}`);
  }
}

async function removeGroup(docker: Docker, group: readonly ContainerFacts[]): Promise<void> {
  const role = (one: ContainerFacts) => one.labels[labelKeys.role];
  const apps = group.filter(one => role(one) === 'app');
  await Promise.all(
    apps.filter(one => one.state !== 'created' && one.state !== 'exited').map(one => docker.stopContainer(one.id, null)),
  );
  await Promise.all(group.filter(one => role(one) !== 'pause').map(one => docker.removeContainer(one.id)));
  await Promise.all(group.filter(one => role(one) === 'pause').map(one => docker.removeContainer(one.id)));
}

async function removeNetwork(docker: Docker, id: string, name: string): Promise<void> {
  try {
    await docker.removeNetwork(id);
  } catch (error) {
    if (!(error instanceof RuntimeError) || !/active endpoints/.test(error.message)) throw error;
    throw new RuntimeError(
      'engine-error',
      `Network ${name} is still used by a container that is not part of the mesh.`,
      `Disconnect it (see docker network inspect ${name}), then run \`mesh down\` again.`,
      {
        cause: error,
      },
    );
  }
}
