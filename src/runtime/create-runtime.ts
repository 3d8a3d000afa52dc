/** The runtime put together: what each call reads from the engine, and which pure part decides. */
import { existsSync } from 'node:fs';
import type { Clock } from '../async/clock.ts';
import type { MeshConfig } from '../config/mesh-config.ts';
import type { DesiredPod, PodSettings } from './desired.ts';
import { desiredPods, hashOf } from './desired.ts';
import type { Docker, EngineInfo } from './docker.ts';
import { downProject } from './down.ts';
import { executePlan } from './execute.ts';
import { labelKeys } from './labels.ts';
import { podLogs } from './logs.ts';
import type { SeenPod } from './observe.ts';
import { observePods } from './observe.ts';
import { pauseImageRef } from './pause-image.ts';
import { stopPod, untilAborted } from './pod-runner.ts';
import { checkImages } from './preflight.ts';
import { reconcile } from './reconcile.ts';
import type { ObservedPod, PlanOptions, Runtime } from './runtime.ts';
import { RuntimeError } from './runtime-error.ts';
import type { SidecarImage, SidecarImageInputs } from './sidecar-image.ts';
import { sidecarImage } from './sidecar-image.ts';
import { watchProject } from './watch.ts';

/** What the runtime is given. */
export interface RuntimeDeps {
  readonly docker: Docker;
  readonly project: string;
  /** Absolute folder of mesh.yaml. */
  readonly projectDir: string;
  readonly clock: Clock;
  /** Where secrets from the environment are taken. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The sidecar's image; `baseImage` here (MESH_PROXY_IMAGE) goes before `proxy.image` of the configuration. */
  readonly sidecar: SidecarImageInputs & {
    /** Port that the sidecar's control channel listens on. */
    readonly controlPort: number;
  };
}

/** @see Runtime. Does not speak to the engine until a method is called. */
export function createRuntime(deps: RuntimeDeps): Runtime {
  const { docker, project, projectDir, clock, sidecar } = deps;
  const observe = () => observePods(docker, project, sidecar.controlPort);
  const engineOnce = once(() => docker.info());
  // Hashing a node binary takes a third of a second: once per base image and run.
  const recipes = new Map<string | null, () => Promise<SidecarImage>>();
  const recipeFor = (engine: EngineInfo, config: MeshConfig): Promise<SidecarImage> => {
    const baseImage = sidecar.baseImage ?? config.proxy.image;
    const recipe = recipes.get(baseImage) ?? once(() => sidecarImage(docker, engine, { ...sidecar, baseImage }));
    recipes.set(baseImage, recipe);
    return recipe();
  };

  const want = async (config: MeshConfig) => {
    const engine = await engineOnce();
    const recipe = await recipeFor(engine, config);
    const secretValues = secretsFrom(config, deps.env);
    const settings: PodSettings = {
      project,
      dir: projectDir,
      pauseImage: pauseImageRef(engine),
      sidecarImage: recipe.ref,
      controlPort: sidecar.controlPort,
      secretValues,
    };
    return { engine, recipe, secretValues, settings, pods: desiredPods(config, settings) };
  };

  const plan = async (config: MeshConfig, options: PlanOptions = {}) => {
    const { pods, settings } = await want(config);
    const images = [
      ...new Set([
        settings.pauseImage,
        settings.sidecarImage,
        ...pods.flatMap(pod => (pod.app === null ? [] : [pod.app.body.Image])),
      ]),
    ];
    const [seen, imageFacts, networks, volumes] = await Promise.all([
      observe(),
      Promise.all(images.map(async ref => [ref, await docker.inspectImage(ref)] as const)),
      docker.listNetworks({ [labelKeys.project]: project }),
      Promise.all(config.volumes.map(volume => docker.inspectVolume(volume.engineName))),
    ]);
    refuseOtherFolder(seen, project, projectDir);
    const present = new Map(imageFacts.flatMap(([ref, facts]) => (facts === null ? [] : [[ref, facts.id] as const])));
    checkImages(config, present);
    const volumeNames = new Set(volumes.flatMap(volume => (volume === null ? [] : [volume.name])));
    const absent = config.volumes.find(volume => volume.external && !volumeNames.has(volume.engineName));
    if (absent !== undefined) {
      throw new RuntimeError(
        'volume-missing',
        `Volume ${absent.engineName} is external and does not exist.`,
        `Run \`docker volume create ${absent.engineName}\`.`,
      );
    }
    const { sidecarEnvironment } = options;
    const environmentHash =
      sidecarEnvironment === undefined ? null : ({ facts }: DesiredPod) => hashOf(sidecarEnvironment(facts));
    return reconcile(
      { project, config, pods, pauseImage: settings.pauseImage, sidecarImage: settings.sidecarImage },
      { pods: seen, images: present, networks: new Set(networks.map(one => one.name)), volumes: volumeNames },
      { build: options.build ?? false, initial: options.initial ?? false, environmentHash },
    );
  };

  return {
    observe,
    plan,
    async execute(config, plan, options) {
      options.signal.throwIfAborted();
      const { engine, recipe, secretValues, pods } = await want(config);
      const { controlPort } = sidecar;
      await executePlan({
        docker,
        engine,
        project,
        dir: projectDir,
        controlPort,
        clock,
        secretValues,
        config,
        plan,
        pods,
        seen: await observe(),
        sidecar: recipe,
        options,
      });
    },
    async exposedPorts(images) {
      const facts = await Promise.all(images.map(async image => [image, await docker.inspectImage(image)] as const));
      return new Map(facts.flatMap(([image, found]) => (found === null ? [] : [[image, found.exposedPorts] as const])));
    },
    watch: (onChange, onConnection) => watchProject(docker, clock, project, onChange, onConnection),
    async stop({ signal }) {
      await Promise.all((await observe()).map(pod => stopPod(docker, pod, signal)));
    },
    async down(options) {
      // What a folder that is gone has left is anybody's to remove.
      refuseOtherFolder(
        (await observe()).filter(pod => existsSync(pod.dir)),
        project,
        projectDir,
      );
      await downProject(docker, project, options);
    },
    async *logs(request) {
      const pods = await observe();
      yield* podLogs(
        docker,
        request.targets.length === 0 ? pods : request.targets.flatMap(target => named(pods, target)),
        request,
      );
    },
    async exec(target, request) {
      const app = named(await observe(), target).find(pod => pod.app?.state === 'running')?.app;
      if (app === null || app === undefined)
        throw new RuntimeError('no-such-workload', `${target} has no running app.`, 'See `mesh ps`.');
      return docker.exec(app.id, request);
    },
    async restart(targets, { signal }) {
      const pods = await observe();
      const chosen = targets.length === 0 ? pods : targets.flatMap(target => named(pods, target));
      await Promise.all(
        chosen.map(async ({ app }) => {
          if (app === null) return;
          await untilAborted(docker.stopContainer(app.id, null), signal);
          await docker.startContainer(app.id);
        }),
      );
    },
    async readSidecarLog(containerId, since) {
      const options = {
        follow: false,
        since: aLittleBefore(since),
        tail: null,
        timestamps: false,
        signal: new AbortController().signal,
      };
      let text = '';
      for await (const { data } of docker.logs(containerId, options)) text += data.toString();
      return text;
    },
  };
}

/** The engine notes a container's start after its first lines may have come: on a busy machine, seconds after. */
function aLittleBefore(since: string): string {
  const at = Date.parse(since);
  return Number.isNaN(at) ? since : new Date(at - 5_000).toISOString();
}

/** A workload, or all pods of a service (`reviews`) or of one version (`reviews-v1`). @throws RuntimeError `no-such-workload` */
function named<P extends ObservedPod>(pods: readonly P[], target: string): readonly P[] {
  const found = pods.filter(
    pod => pod.workload === target || pod.service === target || `${pod.service}-${pod.version}` === target,
  );
  if (found.length > 0) return found;
  const names = [...new Set(pods.flatMap(pod => [pod.service, pod.workload]))].sort();
  throw new RuntimeError(
    'no-such-workload',
    `Nothing named ${target} runs.`,
    names.length === 0 ? 'Nothing runs at all: `mesh up`.' : `There are: ${names.join(', ')}.`,
  );
}

function refuseOtherFolder(pods: readonly SeenPod[], project: string, dir: string): void {
  const other = pods.find(pod => pod.dir !== dir);
  if (other !== undefined) {
    throw new RuntimeError(
      'project-taken',
      `Project ${project} runs already, from ${other.dir}.`,
      'Give this one another name with -p, or run `mesh down` there.',
    );
  }
}

function secretsFrom(config: MeshConfig, env: RuntimeDeps['env']): ReadonlyMap<string, string> {
  return new Map(
    config.secrets.flatMap(({ name, from }) => {
      const value = from.kind === 'environment' ? env[from.variable] : undefined;
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

/** Asked once; a failure is not kept. */
function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | null = null;
  return () => {
    answer ??= ask().catch((error: unknown) => {
      answer = null;
      throw error;
    });
    return answer;
  };
}
