/** Labels on what the mesh makes: all that `observe` and `down` know, so nothing has to be remembered elsewhere. Public facts only. */

/** Our own label keys. */
export const labelKeys = {
  project: 'dev.localmesh.project',
  /** Absolute folder of mesh.yaml: tells two projects of one name apart. */
  dir: 'dev.localmesh.dir',
  workload: 'dev.localmesh.workload',
  service: 'dev.localmesh.service',
  version: 'dev.localmesh.version',
  replica: 'dev.localmesh.replica',
  kind: 'dev.localmesh.kind',
  role: 'dev.localmesh.role',
  configHash: 'dev.localmesh.config-hash',
  imageId: 'dev.localmesh.image-id',
  /** Hash of the sidecar's public environment, which is known only when the daemon runs. */
  environmentHash: 'dev.localmesh.environment-hash',
} as const;

/** What a container is in its pod. */
export type Role = 'pause' | 'sidecar' | 'app';

/** What the labels of a container say of its pod. */
export interface PodIdentity {
  readonly project: string;
  readonly dir: string;
  readonly workload: string;
  readonly service: string;
  readonly version: string;
  readonly replica: number;
  readonly kind: 'service' | 'gateway';
  /** Compose service the pod stands for: `docker compose ps` shows this. */
  readonly composeService: string;
}

/** All labels of one container but the hashes. */
export function podLabels(pod: PodIdentity, role: Role): Readonly<Record<string, string>> {
  // Compose lists a pod once: as its app, or a gateway's sidecar. The others belong to the project as one-off containers, which it hides.
  const shown = role === 'app' || (pod.kind === 'gateway' && role === 'sidecar');
  return {
    [labelKeys.project]: pod.project,
    [labelKeys.dir]: pod.dir,
    [labelKeys.workload]: pod.workload,
    [labelKeys.service]: pod.service,
    [labelKeys.version]: pod.version,
    [labelKeys.replica]: String(pod.replica),
    [labelKeys.kind]: pod.kind,
    [labelKeys.role]: role,
    ...composeLabels(pod.project, pod.dir),
    'com.docker.compose.service': pod.composeService,
    'com.docker.compose.container-number': String(pod.replica),
    'com.docker.compose.oneoff': shown ? 'False' : 'True',
  };
}

/** Name of one container. The app, and a gateway's sidecar, have the name that compose would give them: the one people type. */
export function containerName(
  { project, workload, kind }: Pick<PodIdentity, 'project' | 'workload' | 'kind'>,
  role: Role,
): string {
  const name = `${project}-${workload}`;
  if (role === 'pause') return `${name}-pod`;
  return role === 'sidecar' && kind === 'service' ? `${name}-sidecar` : name;
}

/**
 * Whether the mesh made the container. Labels alone do not say so: an image that was committed from a pod hands them on to all that is
 * started from it. The engine gives a name only once, and the mesh's own has the name that its labels ask for.
 */
export function isMadeByMesh({
  name,
  labels,
}: {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}): boolean {
  const role = labels[labelKeys.role];
  if (role !== 'pause' && role !== 'sidecar' && role !== 'app') return false;
  const kind = labels[labelKeys.kind] === 'gateway' ? 'gateway' : 'service';
  const identity = { project: labels[labelKeys.project] ?? '', workload: labels[labelKeys.workload] ?? '', kind } as const;
  return name === containerName(identity, role);
}

/** Labels of networks and volumes. `what`: `network` or `volume`, as compose names it. */
export function resourceLabels(
  project: string,
  dir: string,
  what: 'network' | 'volume',
  name: string,
): Readonly<Record<string, string>> {
  return {
    [labelKeys.project]: project,
    [labelKeys.dir]: dir,
    'com.docker.compose.project': project,
    [`com.docker.compose.${what}`]: name,
  };
}

function composeLabels(project: string, dir: string): Readonly<Record<string, string>> {
  return {
    'com.docker.compose.project': project,
    'com.docker.compose.project.working_dir': dir,
    'com.docker.compose.project.config_files': `${dir}/mesh.yaml`,
    'com.docker.compose.version': '2.0.0',
  };
}
