import type { LogRequest } from '../api/backend.ts';
import type { ObservedPod, Runtime } from '../runtime/runtime.ts';
import { LineSplitter } from './line-splitter.ts';

/** Reads logs once, or follows them through restarts of containers and the coming and going of pods. */
export async function readLogs(runtime: Runtime, request: LogRequest, since: string): Promise<void> {
  const { names, container, tail, timestamps, signal } = request;
  const read = async (targets: readonly string[], follow: boolean, from: string, last: number | null): Promise<void> => {
    const splitters = new Map<string, LineSplitter>();
    const pieces = runtime.logs({ targets, roles: [container], follow, since: from, tail: last, timestamps, signal });
    for await (const { workload, role, stream, data } of pieces) {
      const key = `${workload} ${stream}`;
      const splitter =
        splitters.get(key) ?? new LineSplitter(text => request.onLine({ workload, container: role, stream, text }));
      splitters.set(key, splitter);
      splitter.push(data);
    }
    for (const splitter of splitters.values()) splitter.end();
  };
  if (!request.follow) return read(names, false, since, tail);

  const followed = new Set<string>();
  const reading = new Set<Promise<void>>();
  const look = async (first: boolean): Promise<boolean> => {
    const pods = (await runtime.observe()).filter(pod => isMeant(pod, names));
    for (const pod of pods) {
      const part = pod[container];
      if (part === null || (part.state !== 'running' && !first)) continue;
      // A started container is another life with its own log, under the same id.
      const life = `${part.id} ${part.startedAt}`;
      if (followed.has(life)) continue;
      followed.add(life);
      const lines = first ? read([pod.workload], true, since, tail) : read([pod.workload], true, part.startedAt, null);
      const guarded = lines.catch(() => undefined).then(() => void reading.delete(guarded));
      reading.add(guarded);
    }
    return pods.length > 0;
  };
  await untilGone(runtime, look, signal);
  await Promise.all(reading);
}

/** Looks again after every change, until nothing is left to look at or the signal aborts. */
async function untilGone(runtime: Runtime, look: (first: boolean) => Promise<boolean>, signal: AbortSignal): Promise<void> {
  if (!(await look(true)) || signal.aborted) return;
  const over = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => over.resolve());
  const onChange = (): void =>
    void look(false).then(
      some => some || over.resolve(),
      // The engine is away: the watch tells when it is back.
      () => undefined,
    );
  await using _watch = runtime.watch(onChange, () => undefined);
  await over.promise;
}

function isMeant({ workload, service, version }: ObservedPod, names: readonly string[]): boolean {
  return names.length === 0 || names.some(name => name === workload || name === service || name === `${service}-${version}`);
}
