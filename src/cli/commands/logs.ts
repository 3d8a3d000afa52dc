import { exitCodes, MeshError } from '../../api/mesh-error.ts';
import { isFilterProblem, parseFilter } from '../../text/access-filter.ts';
import { AccessLines } from '../access-lines.ts';
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
  readonly access?: boolean;
  readonly filter?: string;
  readonly json?: boolean;
  readonly logPrefix: boolean;
}

/** `mesh logs` */
export async function run(invocation: Invocation, names: readonly string[], options: LogsOptions): Promise<number> {
  const access = accessLines(options);
  const { engine } = await openEngine(invocation);
  const workloads = await engine.workloads();
  if (workloads.length === 0)
    throw new MeshError('no-mesh', `no mesh runs in ${invocation.project.dir}`, 'start it with `mesh up`');
  const painter = new LogPainter(
    invocation.output,
    workloads
      .filter(each => names.length === 0 || names.includes(each.name) || names.includes(each.service))
      .map(each => each.name),
    options.logPrefix && options.json !== true,
  );
  const ending = new AbortController();
  using _signals = followSignals(() => ending.abort());
  await engine.logs({
    names,
    container: options.sidecar || access !== null ? 'sidecar' : 'app',
    follow: options.follow ?? false,
    tail: options.tail ?? null,
    since: options.since ?? null,
    timestamps: options.timestamps ?? false,
    signal: ending.signal,
    onLine: line => {
      if (access === null || (line.stream === 'stdout' && access.takes(line.text))) painter.print(line);
    },
  });
  if (access !== null && access.unread > 0) {
    invocation.output.note(
      `${access.unread} lines of text were left out: --filter and --json read JSON (\`proxy: {accessLog: json}\`)`,
    );
  }
  return ending.signal.aborted ? exitCodes.interrupted : exitCodes.ok;
}

/** `null`: all lines are wanted. */
function accessLines({ access, filter, json, timestamps }: LogsOptions): AccessLines | null {
  const usage = (message: string, hint: string): MeshError => new MeshError('usage', message, hint, exitCodes.usage);
  if (access !== true) {
    if (filter === undefined && json !== true) return null;
    throw usage(`--${json ? 'json' : 'filter'} is for the access log`, 'write `mesh logs --access` with it');
  }
  if (json && timestamps) throw usage('--json and -t do not go together', 'the lines have `start_time`');
  const read = filter === undefined ? null : parseFilter(filter);
  if (read !== null && isFilterProblem(read)) throw usage(`--filter: ${read.problem} (character ${read.at + 1})`, read.hint);
  return new AccessLines(read, json === true);
}
