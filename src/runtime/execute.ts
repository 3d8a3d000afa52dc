/** Carries a plan out. It decides nothing but the order: what is done, and why, stands in the plan. */
import type { Clock } from '../async/clock.ts';
import { delay } from '../async/delay.ts';
import { Slots } from '../async/slots.ts';
import type { MeshConfig } from '../config/mesh-config.ts';
import { messageOf } from '../text/message-of.ts';
import type { DesiredPod } from './desired.ts';
import type { Docker, EngineInfo } from './docker.ts';
import { resourceLabels } from './labels.ts';
import type { SeenPod } from './observe.ts';
import { makePauseImage } from './pause-image.ts';
import { inOrder } from './pod-order.ts';
import type { PodRunner } from './pod-runner.ts';
import { bringUp, logTail, removePod, stopPod } from './pod-runner.ts';
import { checkPorts, checkSecrets } from './preflight.ts';
import { pruneSidecarImages } from './prune-images.ts';
import type { ExecuteOptions, Operation, Plan } from './runtime.ts';
import { ContainerFailed, ImageMissing, RuntimeError } from './runtime-error.ts';
import type { SidecarImage } from './sidecar-image.ts';

/** More at once and a laptop's engine only queues them. */
const atOnce = 4;
/** How long an app is watched for a crash right after its start. */
const crashWatchMs = 700;

/** What the carrying out of one plan works with. */
export interface Execution extends PodRunner {
  readonly docker: Docker;
  readonly engine: EngineInfo;
  readonly dir: string;
  readonly clock: Clock;
  readonly config: MeshConfig;
  readonly plan: Plan;
  readonly pods: readonly DesiredPod[];
  readonly seen: readonly SeenPod[];
  readonly sidecar: SidecarImage;
  readonly options: ExecuteOptions;
}

/** Resolves when all is done and no app crashed at once. Rejects with the first failure; what was made stays for the next plan or `down`. */
export async function executePlan(execution: Execution): Promise<void> {
  const { plan, pods, docker } = execution;
  const failure = new AbortController();
  const signal = AbortSignal.any([execution.options.signal, failure.signal]);
  const slots = new Slots(atOnce);
  const seen = new Map(execution.seen.map(pod => [pod.workload, pod]));
  const of = (...kinds: readonly Operation['kind'][]) => plan.operations.filter(one => kinds.includes(one.kind));
  const toStart = new Map(of('create-pod', 'start-pod', 'repair-pod', 'recreate-pod').map(one => [one.target, one]));

  const run = (operation: Operation, task: () => Promise<string>): Promise<void> =>
    slots.run(async () => {
      signal.throwIfAborted();
      const { onProgress } = execution.options;
      onProgress({ kind: 'start', operation, detail: '' });
      try {
        onProgress({ kind: 'done', operation, detail: await task() });
      } catch (error) {
        onProgress({ kind: 'failed', operation, detail: messageOf(error) });
        failure.abort(error);
        throw error;
      }
    });

  const starting = pods.filter(pod => toStart.has(pod.identity.workload));
  checkSecrets(execution.config, starting, execution.secretValues);
  await checkPorts(docker, starting, execution.seen);

  await all(
    of('make-pause-image', 'make-sidecar-image', 'pull-image', 'build-image').map(one =>
      run(one, () => fetchImage(execution, one, signal)),
    ),
  );
  await execution.options.hooks.imagesReady?.();
  await all(of('create-network', 'create-volume').map(one => run(one, () => createResource(execution, one))));
  await all(
    of('remove-pod', 'stop-pod').map(one =>
      run(one, async () => {
        const pod = seen.get(one.target);
        if (pod !== undefined) await (one.kind === 'remove-pod' ? removePod(docker, pod, signal) : stopPod(docker, pod, signal));
        return '';
      }),
    ),
  );

  const crashWatches: Promise<void>[] = [];
  const waiter = { docker, clock: execution.clock, hooks: execution.options.hooks, signal };
  await inOrder(pods, waiter, async pod => {
    const operation = toStart.get(pod.identity.workload);
    if (operation === undefined) return;
    let started = true;
    await run(operation, async () => {
      const before = seen.get(pod.identity.workload) ?? null;
      const same = operation.ifSameImage !== undefined && before !== null && (await isSameImage(docker, pod, before));
      const kind = same ? operation.ifSameImage?.kind : operation.kind;
      started = kind !== undefined && kind !== 'stop-pod';
      if (kind === 'stop-pod' && before !== null) await stopPod(docker, before, signal);
      if (started) {
        const remove = kind === 'recreate-pod' && before !== null;
        if (remove) await removePod(docker, before, signal);
        await bringUp(execution, pod, remove ? null : before, execution.options.hooks, signal);
      }
      if (!same) return '';
      return started ? 'image is the same, started again' : 'image is the same';
    });
    if (!started) return;
    const watch = watchForCrash(execution, pod, signal);
    watch.catch(() => {}); // reported below, when all pods have started
    crashWatches.push(watch);
  }).catch((error: unknown) => {
    throw failure.signal.aborted ? failure.signal.reason : error;
  });
  await Promise.all(crashWatches);
}

/** All of them to their end, then the first failure: nothing goes on behind the caller's back. */
async function all(tasks: readonly Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(tasks);
  const failed = outcomes.find(one => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function fetchImage(execution: Execution, operation: Operation, signal: AbortSignal): Promise<string> {
  const { docker, options, config } = execution;
  const onLine = (detail: string) => options.onProgress({ kind: 'progress', operation, detail });
  if (operation.kind === 'make-pause-image') return makePauseImage(docker, execution.engine);
  if (operation.kind === 'make-sidecar-image') {
    const id = await execution.sidecar.make();
    // Tidying up is no reason to fail.
    const removed = await pruneSidecarImages(docker, execution.sidecar.ref, execution.clock.now()).catch(() => 0);
    return removed === 0 ? id : `${id}, removed ${removed} older and unused`;
  }
  const container = config.services
    .flatMap(service => service.versions)
    .find(one => one.container.image === operation.target)?.container;
  if (container === undefined) throw new ImageMissing(operation.target);
  if (operation.kind === 'build-image' && container.build !== null) {
    return docker.buildImage({ ...container.build, tag: container.image, platform: container.platform }, onLine, signal);
  }
  await docker.pullImage(container.image, container.platform, onLine, signal);
  return '';
}

async function createResource(execution: Execution, operation: Operation): Promise<string> {
  const { docker, project, dir, config } = execution;
  if (operation.kind === 'create-network') {
    await docker.createNetwork(operation.target, resourceLabels(project, dir, 'network', 'mesh'));
    return '';
  }
  const volume = config.volumes.find(one => one.engineName === operation.target);
  if (volume === undefined) throw new RuntimeError('volume-missing', `Volume ${operation.target} is not configured.`);
  const { driver, driverOpts } = volume;
  await docker.createVolume(volume.engineName, {
    driver,
    driverOpts,
    labels: resourceLabels(project, dir, 'volume', volume.name),
  });
  return '';
}

async function isSameImage(docker: Docker, pod: DesiredPod, seen: SeenPod): Promise<boolean> {
  const image = await docker.inspectImage(pod.app?.body.Image ?? '');
  return image !== null && image.id === seen.app?.imageId;
}

/** An app that ends with an error right after its start, for good, is a failure of `up`; one with a restart policy has its chance. */
async function watchForCrash(execution: Execution, pod: DesiredPod, signal: AbortSignal): Promise<void> {
  if (pod.app === null) return;
  const { docker, options } = execution;
  const facts = await docker.inspectContainer(pod.app.name);
  if (facts === null) return;
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const ended = docker.waitContainer(facts.id, 'not-running', either);
  const settled = delay(execution.clock, crashWatchMs, either).then(() => null);
  const listens = pod.hasPorts ? options.hooks.appListening(pod.identity.workload, either).then(() => null) : settled;
  for (const one of [ended, settled, listens]) one.catch(() => {}); // the losers end by the abort below
  try {
    const code = await Promise.race([ended, settled, listens]);
    if (code !== null && code !== 0) {
      throw new ContainerFailed(
        pod.app.name,
        `ended at once with exit code ${code}`,
        code,
        await logTail(docker, facts.id, signal),
      );
    }
  } finally {
    over.abort();
  }
}
