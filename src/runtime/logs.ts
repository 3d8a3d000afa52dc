/** Output of several containers as one stream. */
import type { Docker } from './docker.ts';
import type { LogPiece, LogRequest, ObservedPod } from './runtime.ts';

/** Pieces as they come; ends when all containers' logs have ended or the signal aborts. */
export async function* podLogs(docker: Docker, pods: readonly ObservedPod[], request: LogRequest): AsyncGenerator<LogPiece> {
  const over = new AbortController();
  const signal = AbortSignal.any([request.signal, over.signal]);
  const sources = pods.flatMap(pod =>
    request.roles.flatMap(role => {
      const container = role === 'app' ? pod.app : pod.sidecar;
      return container === null ? [] : [pieces(docker, container.id, pod.workload, role, { ...request, signal })];
    }),
  );
  // One pull under way per source: a slow reader holds the engine back instead of filling memory.
  const pulls = new Map(sources.map(source => [source, pull(source)]));
  try {
    while (pulls.size > 0) {
      const { source, result } = await Promise.race(pulls.values());
      if (result.done === true) {
        pulls.delete(source);
        continue;
      }
      pulls.set(source, pull(source));
      yield result.value;
    }
  } finally {
    over.abort();
    await Promise.allSettled(pulls.values());
  }
}

async function pull(source: AsyncGenerator<LogPiece>) {
  return { source, result: await source.next() };
}

async function* pieces(
  docker: Docker,
  id: string,
  workload: string,
  role: LogPiece['role'],
  request: LogRequest,
): AsyncGenerator<LogPiece> {
  for await (const chunk of docker.logs(id, request)) yield { workload, role, stream: chunk.stream, data: chunk.data };
}
