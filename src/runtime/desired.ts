/** The pods that a configuration asks for: everything that the engine will be told, before anything is asked of it. Pure. */
import { createHash } from 'node:crypto';
import type { ContainerConfig, DependencyConfig, MeshConfig } from '../config/mesh-config.ts';
import type { CopiedFile } from './app-body.ts';
import { appBody } from './app-body.ts';
import type { ContainerBody } from './docker.ts';
import { containerName, type PodIdentity } from './labels.ts';
import { gatewayPause, servicePause, sidecarBody } from './pod-body.ts';
import type { SidecarFacts } from './runtime.ts';

/** A container to be; its hash covers all but labels and the image's content. */
export interface DesiredContainer {
  readonly name: string;
  readonly body: Omit<ContainerBody, 'Labels'>;
  readonly hash: string;
}

/** A pod as the configuration wants it. */
export interface DesiredPod {
  readonly identity: PodIdentity;
  /** For the sidecar's environment. */
  readonly facts: SidecarFacts;
  readonly pause: DesiredContainer;
  /** Without its environment, which is added when it is made. */
  readonly sidecar: DesiredContainer;
  /** `null` for a gateway. */
  readonly app: (DesiredContainer & { readonly files: readonly CopiedFile[]; readonly container: ContainerConfig }) | null;
  readonly dependsOn: readonly DependencyConfig[];
  /** Somebody may call it: it is up when it listens. A pod without ports is a job or a worker. */
  readonly hasPorts: boolean;
}

/** What pods need to know beyond the configuration. */
export interface PodSettings {
  readonly project: string;
  readonly dir: string;
  readonly pauseImage: string;
  readonly sidecarImage: string;
  readonly controlPort: number;
  /** Contents of secrets that come from the environment, so that a changed one is noticed. */
  readonly secretValues: ReadonlyMap<string, string>;
}

/** One bridge network per project. */
export function networkName(project: string): string {
  return `${project}_mesh`;
}

/** `reviews-v1-1`; without a version `details-1`. */
function workloadName(service: string, version: string, replica: number): string {
  return version === '' ? `${service}-${replica}` : `${service}-${version}-${replica}`;
}

/** All pods, sorted by workload. */
export function desiredPods(config: MeshConfig, settings: PodSettings): readonly DesiredPod[] {
  const pods = config.services.flatMap(service =>
    service.versions.flatMap(version =>
      Array.from({ length: version.replicas }, (_, index): DesiredPod => {
        const identity = identify(settings, service.name, version.name, index + 1, 'service', version.composeService);
        const { body, files } = appBody(version.container, config.volumes, config.secrets);
        const secrets = files.map(file => [file.path, settings.secretValues.get(file.secret) ?? '']);
        return {
          identity,
          facts: factsOf(identity, service),
          pause: desired(containerName(identity, 'pause'), servicePause(version.container, pauseSettings(settings, identity))),
          sidecar: desired(containerName(identity, 'sidecar'), sidecarBody(settings.sidecarImage, config.proxy.memoryBytes, {})),
          app: {
            ...desired(containerName(identity, 'app'), body, [version.container.labels, secrets]),
            files,
            container: version.container,
          },
          dependsOn: version.container.dependsOn,
          hasPorts: service.ports.length > 0,
        };
      }),
    ),
  );
  const gateways = config.gateways.map((gateway): DesiredPod => {
    const identity = identify(settings, gateway.name, '', 1, 'gateway', gateway.name);
    return {
      identity,
      facts: factsOf(identity, { namespace: config.namespace, account: gateway.name }),
      pause: desired(containerName(identity, 'pause'), gatewayPause(gateway, pauseSettings(settings, identity))),
      sidecar: desired(containerName(identity, 'sidecar'), sidecarBody(settings.sidecarImage, config.proxy.memoryBytes, {})),
      app: null,
      dependsOn: [],
      hasPorts: true,
    };
  });
  return [...pods, ...gateways].sort((a, b) => (a.identity.workload < b.identity.workload ? -1 : 1));
}

function factsOf(
  { workload, service, kind }: PodIdentity,
  { namespace, account }: Pick<SidecarFacts, 'namespace' | 'account'>,
): SidecarFacts {
  return { workload, service, kind, namespace, account };
}

/** A short hash of plain data, blind to the order of keys. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex').slice(0, 16);
}

function desired(name: string, body: Omit<ContainerBody, 'Labels'>, more: unknown = null): DesiredContainer {
  return { name, body, hash: hashOf([body, more]) };
}

function identify(
  settings: PodSettings,
  service: string,
  version: string,
  replica: number,
  kind: PodIdentity['kind'],
  composeService: string,
): PodIdentity {
  return {
    project: settings.project,
    dir: settings.dir,
    workload: workloadName(service, version, replica),
    service,
    version,
    replica,
    kind,
    composeService,
  };
}

function pauseSettings(settings: PodSettings, identity: PodIdentity) {
  return {
    image: settings.pauseImage,
    network: networkName(settings.project),
    hostname: identity.workload,
    controlPort: settings.controlPort,
  };
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`;
}
