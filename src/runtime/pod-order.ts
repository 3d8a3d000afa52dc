/** In which order pods start: `depends_on` as a graph of promises, each pod once, independent ones side by side. */
import type { Clock } from '../async/clock.ts';
import { delay } from '../async/delay.ts';
import type { DependencyConfig } from '../config/mesh-config.ts';
import type { DesiredPod } from './desired.ts';
import type { Docker } from './docker.ts';
import { logTail, untilAborted } from './pod-runner.ts';
import type { RuntimeHooks } from './runtime.ts';
import { ContainerFailed, RuntimeError } from './runtime-error.ts';

/** How often a health state is asked for; the engine runs the check itself. */
const healthPollMs = 200;

/** What waiting for other pods works with. */
export interface DependencyWaiter {
  readonly docker: Docker;
  readonly clock: Clock;
  readonly hooks: RuntimeHooks;
  readonly signal: AbortSignal;
}

/**
 * Starts every pod after what it depends on. `bring` starts one (or does nothing for a pod that runs) and is called at most once per pod.
 * Rejects with the first failure; pods that depend on a failed one are not started.
 */
export async function inOrder(
  pods: readonly DesiredPod[],
  waiter: DependencyWaiter,
  bring: (pod: DesiredPod) => Promise<void>,
): Promise<void> {
  refuseCycles(pods);
  const begun = new Map<DesiredPod, Promise<void>>();
  const begin = (pod: DesiredPod): Promise<void> => {
    let promise = begun.get(pod);
    if (promise === undefined) {
      promise = (async () => {
        await Promise.all(
          pod.dependsOn.flatMap(dependency =>
            podsBehind(dependency, pods).map(async other => {
              try {
                await begin(other);
                await conditionMet(other, dependency, waiter);
              } catch (error) {
                if (dependency.required) throw error;
              }
            }),
          ),
        );
        waiter.signal.throwIfAborted();
        await bring(pod);
      })();
      begun.set(pod, promise);
    }
    return promise;
  };
  const outcomes = await Promise.allSettled(pods.map(begin));
  const failed = outcomes.find(one => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** The pods that a dependency waits for. */
function podsBehind(dependency: DependencyConfig, pods: readonly DesiredPod[]): readonly DesiredPod[] {
  return pods.filter(
    ({ identity }) =>
      identity.service === dependency.service && (dependency.version === '' || identity.version === dependency.version),
  );
}

async function conditionMet(pod: DesiredPod, dependency: DependencyConfig, waiter: DependencyWaiter): Promise<void> {
  if (pod.app === null || dependency.condition === 'service_started') return;
  const { docker, signal } = waiter;
  const facts = await docker.inspectContainer(pod.app.name);
  if (facts === null) throw new RuntimeError('dependency-failed', `${pod.app.name} is gone while others wait for it.`);
  if (dependency.condition === 'service_healthy') return healthy(pod, facts.id, waiter);
  const code = await docker.waitContainer(facts.id, 'not-running', signal);
  if (code !== 0)
    throw new ContainerFailed(
      pod.app.name,
      `ended with exit code ${code}, and others wait for its success`,
      code,
      await logTail(docker, facts.id, signal),
    );
}

/** Healthy by its own check; without one, healthy is what can be seen from outside: it listens. */
async function healthy(pod: DesiredPod, id: string, { docker, clock, hooks, signal }: DependencyWaiter): Promise<void> {
  const name = pod.app?.name ?? '';
  for (;;) {
    const facts = await docker.inspectContainer(id);
    if (facts?.health === 'healthy') return;
    if (facts?.health === 'unhealthy')
      throw new ContainerFailed(name, 'is unhealthy, and others wait for its health', null, await logTail(docker, id, signal));
    if (facts === null || facts.state === 'exited' || facts.state === 'dead') {
      throw new ContainerFailed(
        name,
        `ended with exit code ${facts?.exitCode ?? '?'} before it was healthy`,
        facts?.exitCode ?? null,
        await logTail(docker, id, signal),
      );
    }
    if (facts.health === 'none') return untilAborted(hooks.appListening(pod.identity.workload, signal), signal);
    await delay(clock, healthPollMs, signal);
  }
}

function refuseCycles(pods: readonly DesiredPod[]): void {
  const done = new Set<DesiredPod>();
  const visit = (pod: DesiredPod, path: readonly DesiredPod[]): void => {
    if (done.has(pod)) return;
    if (path.includes(pod)) {
      const names = [...path.slice(path.indexOf(pod)), pod].map(one => one.identity.service);
      throw new RuntimeError(
        'dependency-failed',
        `Services wait for each other: ${names.join(' → ')}.`,
        'Remove one of these `depends_on`.',
      );
    }
    for (const dependency of pod.dependsOn) for (const other of podsBehind(dependency, pods)) visit(other, [...path, pod]);
    done.add(pod);
  };
  for (const pod of pods) visit(pod, []);
}
