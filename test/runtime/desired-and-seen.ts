/** Pods as they look when all is well, for tests that break one thing. */
import type { MeshConfig } from '../../src/config/mesh-config.ts';
import type { DesiredPod } from '../../src/runtime/desired.ts';
import { desiredPods } from '../../src/runtime/desired.ts';
import type { SeenContainer, SeenPod } from '../../src/runtime/observe.ts';
import type { Observed, ReconcileOptions } from '../../src/runtime/reconcile.ts';
import { reconcile } from '../../src/runtime/reconcile.ts';
import type { Plan } from '../../src/runtime/runtime.ts';

export const podSettings = {
  project: 'shop',
  dir: '/shop',
  pauseImage: 'pause:1',
  sidecarImage: 'sidecar:1',
  controlPort: 15012,
  secretValues: new Map<string, string>(),
};

export function podsFor(config: MeshConfig): readonly DesiredPod[] {
  return desiredPods(config, podSettings);
}

/** A running pod made from the desired one. */
export function running(pod: DesiredPod): SeenPod {
  const container = (made: { name: string; hash: string; body: { Image: string } }, second: number): SeenContainer => ({
    id: made.name,
    name: made.name,
    image: made.body.Image,
    state: 'running',
    health: 'none',
    exitCode: null,
    oomKilled: false,
    startedAt: `2026-01-01T00:00:0${second}.5Z`,
    configHash: made.hash,
    imageId: `id of ${made.body.Image}`,
    environmentHash: '',
  });
  const { workload, service, version, replica, kind, dir } = pod.identity;
  return {
    workload,
    service,
    version,
    replica,
    kind,
    dir,
    pause: container(pod.pause, 1),
    sidecar: container(pod.sidecar, 2),
    app: pod.app === null ? null : container(pod.app, 3),
    address: '172.20.0.2',
    controlPort: 40000,
  };
}

/** An engine on which all of it runs and all images are. */
export function settled(config: MeshConfig, pods = podsFor(config).map(running)): Observed {
  const images = [
    'pause:1',
    'sidecar:1',
    ...config.services.flatMap(service => service.versions.map(version => version.container.image)),
  ];
  return {
    pods,
    images: new Map(images.map(image => [image, `id of ${image}`])),
    networks: new Set(['shop_mesh']),
    volumes: new Set(config.volumes.map(volume => volume.engineName)),
  };
}

export function planFor(config: MeshConfig, observed: Observed, options: Partial<ReconcileOptions> = {}): Plan {
  const desired = { project: 'shop', config, pods: podsFor(config), pauseImage: 'pause:1', sidecarImage: 'sidecar:1' };
  return reconcile(desired, observed, { build: false, initial: false, environmentHash: null, ...options });
}
