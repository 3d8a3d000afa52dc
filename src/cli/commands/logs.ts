import { exitCodes, MeshError } from '../../api/mesh-error.ts';
import { openEngine } from '../engine.ts';
import type { Invocation } from '../invocation.ts';
import { LogPainter } from '../log-painter.ts';
import { followSignals } from '../signals.ts';

interface LogsOptions {
  readonly follow?: boolean;
  readonly tail?: number | null;
  readonly since?: string;
  readonly timestamps?: boolean;
  readonly sidecar?: boolean;
  readonly logPrefix: boolean;
}

/** `mesh logs` */
export async function run(invocation: Invocation, names: readonly string[], options: LogsOptions): Promise<number> {
  const { engine } = await openEngine(invocation);
  const workloads = await engine.workloads();
  if (workloads.length === 0)
    throw new MeshError('no-mesh', `no mesh runs in ${invocation.project.dir}`, 'start it with `mesh up`');
  const painter = new LogPainter(
    invocation.output,
    workloads
      .filter(each => names.length === 0 || names.includes(each.name) || names.includes(each.service))
      .map(each => each.name),
    options.logPrefix,
  );
  const ending = new AbortController();
  using _signals = followSignals(() => ending.abort());
  await engine.logs({
    names,
    container: options.sidecar ? 'sidecar' : 'app',
    follow: options.follow ?? false,
    tail: options.tail ?? null,
    since: options.since ?? null,
    timestamps: options.timestamps ?? false,
    signal: ending.signal,
    onLine: line => painter.print(line),
  });
  return ending.signal.aborted ? exitCodes.interrupted : exitCodes.ok;
}
