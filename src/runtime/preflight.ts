/** What can be known to fail before anything is made: missing images, secrets without a value, host ports in use. */
import type { MeshConfig } from '../config/mesh-config.ts';
import type { DesiredPod } from './desired.ts';
import type { Docker } from './docker.ts';
import { findListener } from './host-port.ts';
import type { SeenPod } from './observe.ts';
import { ImageMissing, PortTaken, RuntimeError } from './runtime-error.ts';

/** @throws ImageMissing when an image is absent and neither a build nor a pull may bring it */
export function checkImages(config: MeshConfig, images: ReadonlyMap<string, string>): void {
  for (const service of config.services) {
    for (const { replicas, container } of service.versions) {
      if (replicas > 0 && container.build === null && container.pullPolicy === 'never' && !images.has(container.image)) {
        throw new ImageMissing(
          container.image,
          `Service ${service.name} has \`pull_policy: never\`: build or load the image, or change the policy.`,
        );
      }
    }
  }
}

/** @throws RuntimeError `secret-missing` for a pod to be made whose secret's variable is not set */
export function checkSecrets(config: MeshConfig, pods: readonly DesiredPod[], values: ReadonlyMap<string, string>): void {
  for (const pod of pods) {
    for (const { secret } of pod.app?.files ?? []) {
      if (values.has(secret)) continue;
      const from = config.secrets.find(one => one.name === secret)?.from;
      const variable = from?.kind === 'environment' ? from.variable : secret;
      throw new RuntimeError(
        'secret-missing',
        `Secret ${secret} of ${pod.identity.service} comes from the variable ${variable}, which is not set.`,
        `Set ${variable}.`,
      );
    }
  }
}

/** @throws PortTaken when a fixed host port of a pod to be made or started is held by something that will not go away with this plan */
export async function checkPorts(docker: Docker, pods: readonly DesiredPod[], ours: readonly SeenPod[]): Promise<void> {
  const wanted = pods.flatMap(pod =>
    Object.entries(pod.pause.body.HostConfig.PortBindings ?? {}).flatMap(([port, bindings]) =>
      bindings
        .filter(one => one.HostPort !== '')
        .map(one => ({ pod, address: one.HostIp, port: Number(one.HostPort), protocol: port.endsWith('/udp') ? 'udp' : 'tcp' })),
    ),
  );
  if (wanted.length === 0) return;
  const ourIds = new Set(ours.flatMap(pod => (pod.pause === null ? [] : [pod.pause.id])));
  const holders = await docker.listPorts();
  for (const { pod, address, port, protocol } of wanted) {
    const same = holders.filter(one => one.hostPort === port && one.protocol === protocol && overlap(one.hostAddress, address));
    const foreign = same.find(one => !ourIds.has(one.containerId));
    if (foreign !== undefined) throw new PortTaken(address, port, `container ${foreign.containerName}`, pod.identity.workload);
    if (same.length > 0 || protocol === 'udp' || !docker.sharesHost) continue;
    const owner = await findListener(address, port);
    if (owner !== null) throw new PortTaken(address, port, owner, pod.identity.workload);
  }
}

function overlap(a: string, b: string): boolean {
  const any = (address: string) => address === '' || address === '0.0.0.0' || address === '::';
  return a === b || any(a) || any(b);
}
