/**
 * Desired against observed: what has to be done, and why. Pure; unchanged pods do not appear. What an app did to itself (a crash, an end)
 * is the engine's restart policy's business; what breaks a pod (its network or its sidecar) is repaired here.
 */
import type { MeshConfig, VersionConfig } from '../config/mesh-config.ts';
import type { DesiredContainer, DesiredPod } from './desired.ts';
import { networkName } from './desired.ts';
import type { SeenContainer, SeenPod } from './observe.ts';
import type { Operation, Plan } from './runtime.ts';

/** The observed side. */
export interface Observed {
  readonly pods: readonly SeenPod[];
  /** Image reference → id; absent when the engine has no such image. */
  readonly images: ReadonlyMap<string, string>;
  readonly networks: ReadonlySet<string>;
  readonly volumes: ReadonlySet<string>;
}

/** The desired side. */
export interface Desired {
  readonly project: string;
  readonly config: MeshConfig;
  readonly pods: readonly DesiredPod[];
  readonly pauseImage: string;
  readonly sidecarImage: string;
}

/** What is asked for beyond the configuration. */
export interface ReconcileOptions {
  /** Build again what has a build. */
  readonly build: boolean;
  /** A user asks (`mesh up`), not the daemon's loop: ended apps start again, moved tags count, `pull: always` pulls. */
  readonly initial: boolean;
  /** Hash of the sidecar's environment; `null` where it is not known. */
  readonly environmentHash: ((pod: DesiredPod) => string) | null;
}

/** Cause of a build of an image that is there. */
const asked = 'asked for';

type Decision = Omit<Operation, 'target'>;

/** The operations in the order they are carried out; within a step sorted by target. */
export function reconcile(desired: Desired, observed: Observed, options: ReconcileOptions): Plan {
  const images = imageOperations(desired, observed, options);
  const fetched = new Map(images.map(one => [one.target, one]));
  const wanted = new Set(desired.pods.map(pod => pod.identity.workload));
  const seen = new Map(observed.pods.map(pod => [pod.workload, pod]));
  const network = networkName(desired.project);
  const operations: Operation[] = [
    ...images,
    ...(observed.networks.has(network) || desired.pods.length === 0
      ? []
      : [{ kind: 'create-network' as const, target: network, cause: 'new' }]),
    ...desired.config.volumes
      .filter(volume => !volume.external && !observed.volumes.has(volume.engineName))
      .map(volume => ({ kind: 'create-volume' as const, target: volume.engineName, cause: 'new' })),
    ...observed.pods
      .filter(pod => !wanted.has(pod.workload))
      .map(pod => ({ kind: 'remove-pod' as const, target: pod.workload, cause: 'no longer configured' })),
    ...desired.pods.flatMap(pod => {
      const decision = decide(pod, seen.get(pod.identity.workload), observed.images, fetched, options);
      return decision === null ? [] : [{ ...decision, target: pod.identity.workload }];
    }),
  ];
  return { project: desired.project, operations };
}

function imageOperations(desired: Desired, observed: Observed, options: ReconcileOptions): Operation[] {
  const operations: Operation[] = [];
  if (desired.pods.length === 0) return operations;
  if (!observed.images.has(desired.pauseImage))
    operations.push({ kind: 'make-pause-image', target: desired.pauseImage, cause: 'not there yet' });
  if (!observed.images.has(desired.sidecarImage))
    operations.push({ kind: 'make-sidecar-image', target: desired.sidecarImage, cause: 'not there yet' });
  const versions = new Map<string, VersionConfig>();
  for (const service of desired.config.services)
    for (const version of service.versions) if (version.replicas > 0) versions.set(version.container.image, version);
  for (const [image, { container }] of [...versions].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const present = observed.images.has(image);
    if (container.build !== null) {
      if (!present || options.build)
        operations.push({ kind: 'build-image', target: image, cause: present ? asked : 'not there yet' });
    } else if (container.pullPolicy !== 'never' && !present)
      operations.push({ kind: 'pull-image', target: image, cause: 'not there yet' });
    else if (container.pullPolicy === 'always' && options.initial)
      operations.push({ kind: 'pull-image', target: image, cause: 'pull policy is always' });
  }
  return operations;
}

function decide(
  pod: DesiredPod,
  seen: SeenPod | undefined,
  images: Observed['images'],
  fetched: ReadonlyMap<string, Operation>,
  options: ReconcileOptions,
): Decision | null {
  if (seen === undefined) return { kind: 'create-pod', cause: 'new' };
  if (seen.pause === null) return { kind: 'recreate-pod', cause: 'its network container is gone' };
  const change = changeOf(pod, seen, options);
  if (change !== null) return { kind: 'recreate-pod', cause: change };
  const life = lifeOf(pod, seen, seen.pause, options);
  if (pod.app === null || seen.app === null) return life;
  const fetch = fetched.get(pod.app.body.Image);
  if (fetch !== undefined) return { kind: 'recreate-pod', cause: causeOf(fetch), ifSameImage: life };
  // A tag that moved counts when a user asks; a running mesh does not replace pods because somebody pulled.
  const id = images.get(pod.app.body.Image);
  const moved = options.initial && id !== undefined && id !== seen.app.imageId;
  return moved ? { kind: 'recreate-pod', cause: 'image changed' } : life;
}

/** Why the pod cannot stay as it was made; `null` when it can. */
function changeOf(pod: DesiredPod, seen: SeenPod, options: ReconcileOptions): string | null {
  if (differs(pod.pause, seen.pause))
    return imageDiffers(pod.pause, seen.pause) ? 'localmesh changed' : 'network settings changed';
  if (differs(pod.sidecar, seen.sidecar))
    return imageDiffers(pod.sidecar, seen.sidecar) ? 'sidecar image changed' : 'sidecar settings changed';
  if (options.environmentHash !== null && seen.sidecar !== null && seen.sidecar.environmentHash !== options.environmentHash(pod))
    return 'identity changed';
  if (pod.app === null || seen.app === null) return null;
  if (differs(pod.app, seen.app)) return imageDiffers(pod.app, seen.app) ? 'image changed' : 'configuration changed';
  return null;
}

/** Why a pod may have to be made anew when its image is got first. */
function causeOf({ kind, cause }: Operation): string {
  if (kind === 'pull-image') return 'image is fetched again';
  return cause === asked ? 'build asked for' : 'image is built again';
}

/** What the pod's containers do, against what they should. */
function lifeOf(pod: DesiredPod, seen: SeenPod, pause: SeenContainer, options: ReconcileOptions): Decision | null {
  const { sidecar, app } = seen;
  const appEnded = app !== null && (app.state === 'exited' || app.state === 'dead');
  const jobEnded = appEnded && !pod.hasPorts;
  const sidecarRuns = sidecar !== null && alive(sidecar);
  if (appEnded && options.initial) return { kind: 'start-pod', cause: 'ended' };
  if (jobEnded)
    return sidecarRuns || alive(pause) ? { kind: 'stop-pod', cause: `ended with exit code ${app.exitCode ?? '?'}` } : null;
  if (!alive(pause)) {
    return sidecarRuns || (app !== null && alive(app))
      ? { kind: 'repair-pod', cause: 'its network container stopped' }
      : { kind: 'start-pod', cause: 'stopped' };
  }
  if (sidecar === null) return { kind: 'repair-pod', cause: 'sidecar is missing' };
  if (sidecar.state === 'created') return { kind: 'start-pod', cause: 'was not started' };
  if (!sidecarRuns) return { kind: 'repair-pod', cause: 'sidecar stopped' };
  if (isStale(sidecar, pause)) return { kind: 'repair-pod', cause: 'its network container restarted' };
  if (pod.app === null) return null;
  if (app === null) return { kind: 'repair-pod', cause: 'app container is missing' };
  if (app.state === 'created') return { kind: 'start-pod', cause: 'was not started' };
  return alive(app) && isStale(app, pause) ? { kind: 'repair-pod', cause: 'its network container restarted' } : null;
}

/** Running, or about to be again by itself. */
export function alive(container: SeenContainer): boolean {
  return container.state === 'running' || container.state === 'paused' || container.state === 'restarting';
}

/** It joined a namespace that is gone: the pause container started after it. */
export function isStale(container: SeenContainer, pause: SeenContainer): boolean {
  return instant(container.startedAt) < instant(pause.startedAt);
}

/** RFC 3339 with any number of fraction digits, made comparable as text. */
function instant(time: string): string {
  const [seconds = '', fraction = ''] = time.replace(/Z$/, '').split('.');
  return `${seconds}.${fraction.padEnd(9, '0')}`;
}

function differs(desired: DesiredContainer, seen: SeenContainer | null): boolean {
  return seen !== null && seen.configHash !== desired.hash;
}

function imageDiffers(desired: DesiredContainer, seen: SeenContainer | null): boolean {
  return seen !== null && seen.image !== desired.body.Image;
}
