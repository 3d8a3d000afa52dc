/**
 * One pod's containers, made and started in the only order that works: pause (owns the network), sidecar, and the app only when the
 * sidecar serves, so that nothing leaves the pod unmeshed.
 */
import { posix } from 'node:path';
import type { DesiredContainer, DesiredPod } from './desired.ts';
import { hashOf } from './desired.ts';
import type { ContainerBody, Docker } from './docker.ts';
import { tarBuffer } from './image-tar.ts';
import type { Role } from './labels.ts';
import { labelKeys, podLabels } from './labels.ts';
import type { SeenContainer, SeenPod } from './observe.ts';
import { podsOf } from './observe.ts';
import { alive, isStale } from './reconcile.ts';
import type { RuntimeHooks } from './runtime.ts';
import { ContainerFailed, PortTaken, ReservedUser, RuntimeError } from './runtime-error.ts';

/** What making a pod needs. */
export interface PodRunner {
  readonly docker: Docker;
  readonly project: string;
  readonly controlPort: number;
  readonly secretValues: ReadonlyMap<string, string>;
}

/** How many of an ended container's last lines go into the error. */
const logTailLines = 15;
/** Connections of this user are the sidecar's own and not intercepted. */
const sidecarUid = 1337;

/** Makes what is missing and starts what does not run, up to the app's start. `seen` null: nothing is there. */
export async function bringUp(
  runner: PodRunner,
  pod: DesiredPod,
  seen: SeenPod | null,
  hooks: RuntimeHooks,
  signal: AbortSignal,
): Promise<void> {
  const { docker } = runner;
  const { workload } = pod.identity;
  const environment = hooks.sidecarEnvironment(pod.facts);
  const pauseId = seen?.pause?.id ?? (await create(runner, pod, 'pause', pod.pause, null, {}));
  signal.throwIfAborted();
  const [sidecarId, appId] = await Promise.all([
    seen?.sidecar?.id ??
      create(runner, pod, 'sidecar', withEnvironment(pod.sidecar, environment), pauseId, {
        [labelKeys.environmentHash]: hashOf(environment),
      }),
    pod.app === null ? null : (seen?.app?.id ?? createApp(runner, pod, pod.app, pauseId)),
    start(docker, pauseId, pod),
  ]);
  signal.throwIfAborted();
  // A sidecar or app that joined a namespace which is gone must be started anew to join the present one.
  const pause = (await containerOf(runner, pauseId))?.pause ?? null;
  if (seen?.sidecar !== null && seen?.sidecar !== undefined && isHeldOpen(seen.sidecar, pause))
    await docker.killContainer(sidecarId);
  if (appId !== null && seen?.app !== null && seen?.app !== undefined && isHeldOpen(seen.app, pause))
    await stopGracefully(docker, appId, null, signal);
  await start(docker, sidecarId, pod);
  signal.throwIfAborted();
  const present = await podOf(runner, [pauseId, sidecarId, ...(appId === null ? [] : [appId])]);
  if (present === null) throw new RuntimeError('container-failed', `Pod ${workload} vanished while it was started.`);
  await untilAborted(ready(runner, present, { pauseId, sidecarId }, hooks, signal), signal);
  signal.throwIfAborted();
  if (appId !== null) await start(docker, appId, pod);
}

/** Stops an app in its own time, then sidecar and pause at once. They stay, stopped. */
export async function stopPod(docker: Docker, pod: SeenPod, signal: AbortSignal): Promise<void> {
  if (pod.app !== null && alive(pod.app)) await stopGracefully(docker, pod.app.id, null, signal);
  if (pod.sidecar !== null && alive(pod.sidecar)) await docker.stopContainer(pod.sidecar.id, 1000);
  if (pod.pause !== null && alive(pod.pause)) await docker.stopContainer(pod.pause.id, 1000);
}

/** Stops the app in its own time and removes all containers of the pod with their anonymous volumes. */
export async function removePod(docker: Docker, pod: SeenPod, signal: AbortSignal): Promise<void> {
  if (pod.app !== null && alive(pod.app)) await stopGracefully(docker, pod.app.id, null, signal);
  await Promise.all([pod.app, pod.sidecar].map(one => one !== null && docker.removeContainer(one.id)));
  if (pod.pause !== null) await docker.removeContainer(pod.pause.id);
}

/** Last lines of a container's output, both streams. */
export async function logTail(docker: Docker, id: string, signal: AbortSignal): Promise<readonly string[]> {
  let text = '';
  for await (const { data } of docker.logs(id, { follow: false, since: '', tail: logTailLines, timestamps: false, signal }))
    text += data.toString();
  return text
    .split('\n')
    .filter(line => line.trim() !== '')
    .slice(-logTailLines);
}

/** Rejects at once when the signal aborts, whatever the work does. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => {}); // told by the race below; nobody's any more where the signal has aborted before it
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** The sidecar serves, or ends before it does: then its last words are the error. Without its network container it never would. */
async function ready(
  runner: PodRunner,
  pod: SeenPod,
  { pauseId, sidecarId }: { readonly pauseId: string; readonly sidecarId: string },
  hooks: RuntimeHooks,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const died = runner.docker.waitContainer(sidecarId, 'next-exit', either).then(async code => {
    throw new ContainerFailed(
      `The sidecar of ${pod.workload}`,
      `ended with exit code ${code} before it served`,
      code,
      await logTail(runner.docker, sidecarId, signal),
    );
  });
  const cutOff = runner.docker.waitContainer(pauseId, 'not-running', either).then(code => {
    throw new ContainerFailed(`The network container of ${pod.workload}`, 'ended before the sidecar served', code, []);
  });
  try {
    await Promise.race([hooks.sidecarReady(pod, either), died, cutOff]);
  } finally {
    over.abort();
    died.catch(() => {});
    cutOff.catch(() => {});
  }
}

async function start(docker: Docker, id: string, pod: DesiredPod): Promise<void> {
  try {
    await docker.startContainer(id);
  } catch (error) {
    if (!(error instanceof PortTaken)) throw error;
    const owner = (await docker.listPorts()).find(one => one.hostPort === error.port);
    const address = Object.values(pod.pause.body.HostConfig.PortBindings ?? {})
      .flat()
      .find(one => one.HostPort === String(error.port))?.HostIp;
    throw new PortTaken(
      address ?? '',
      error.port,
      owner === undefined ? error.owner : `container ${owner.containerName}`,
      pod.identity.workload,
    );
  }
}

async function create(
  runner: PodRunner,
  pod: DesiredPod,
  role: Role,
  container: DesiredContainer,
  pauseId: string | null,
  labels: Readonly<Record<string, string>>,
): Promise<string> {
  const { body } = container;
  const image = await runner.docker.inspectImage(body.Image);
  if (role === 'app' && body.User === undefined && Number.parseInt(image?.user ?? '', 10) === sidecarUid)
    throw new ReservedUser(body.Image);
  const full: ContainerBody = {
    ...body,
    Labels: {
      ...labels,
      ...podLabels(pod.identity, role),
      [labelKeys.configHash]: container.hash,
      [labelKeys.imageId]: image?.id ?? '',
      'com.docker.compose.config-hash': container.hash,
    },
    HostConfig: { ...body.HostConfig, NetworkMode: pauseId === null ? body.HostConfig.NetworkMode : `container:${pauseId}` },
  };
  return runner.docker.createContainer(container.name, full);
}

async function createApp(
  runner: PodRunner,
  pod: DesiredPod,
  app: NonNullable<DesiredPod['app']>,
  pauseId: string,
): Promise<string> {
  const id = await create(runner, pod, 'app', app, pauseId, app.container.labels);
  // Into a read-only root the engine unpacks nothing, but into the volume mounted there (see app-body) it does, when that is the path named.
  const folderOf = (file: { readonly path: string }) => (app.container.readOnly ? posix.dirname(file.path) : '/');
  for (const [folder, files] of Map.groupBy(app.files, folderOf)) {
    const entries = files.map(file => ({
      kind: 'bytes' as const,
      path: posix.relative(folder, file.path),
      mode: 0o444, // the app may run as any user; the container is the boundary
      bytes: Buffer.from(runner.secretValues.get(file.secret) ?? ''),
    }));
    await runner.docker.putArchive(id, folder, await tarBuffer(entries));
  }
  return id;
}

function withEnvironment(container: DesiredContainer, environment: Readonly<Record<string, string>>): DesiredContainer {
  return {
    ...container,
    body: {
      ...container.body,
      Env: Object.entries(environment)
        .map(([key, value]) => `${key}=${value}`)
        .sort(),
    },
  };
}

function isHeldOpen(seen: SeenContainer, pause: SeenContainer | null): boolean {
  return alive(seen) && (pause === null || isStale(seen, pause));
}

async function stopGracefully(docker: Docker, id: string, graceMs: number | null, signal: AbortSignal): Promise<void> {
  await untilAborted(docker.stopContainer(id, graceMs), signal);
}

async function containerOf(runner: PodRunner, id: string): Promise<SeenPod | null> {
  return podOf(runner, [id]);
}

async function podOf(runner: PodRunner, ids: readonly string[]): Promise<SeenPod | null> {
  const facts = await Promise.all(ids.map(id => runner.docker.inspectContainer(id)));
  return (
    podsOf(
      facts.filter(one => one !== null),
      runner.project,
      runner.controlPort,
    )[0] ?? null
  );
}
