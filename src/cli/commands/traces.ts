import { connectApi } from '../../api/client.ts';
import { exitCodes, MeshError } from '../../api/mesh-error.ts';
import { readTraceFilter } from '../../api/trace-filter.ts';
import { isProblem, parseDuration } from '../../config/units.ts';
import { jsonText } from '../../text/escape.ts';
import type { Invocation } from '../invocation.ts';
import { followSignals } from '../signals.ts';
import { brokenText, traceLine, tracesText } from '../trace-text.ts';

/** Options of `mesh traces`. */
export interface TracesOptions {
  readonly service?: string;
  readonly status?: string;
  readonly minDuration?: string;
  readonly limit?: string;
  readonly broken?: boolean;
  readonly follow?: boolean;
  readonly json?: boolean;
}

/** `mesh traces`: the last ones, with `--follow` those that come, or with `--broken` who loses them. */
export async function run({ project, output }: Invocation, _args: readonly string[], options: TracesOptions): Promise<number> {
  const api = connectApi(project.socket).traffic;
  if (options.broken) {
    const document = await api.brokenPropagation();
    if (options.json) output.json(document);
    else for (const line of brokenText(document.services, output)) output.data(line);
    return exitCodes.ok;
  }
  if (options.follow) {
    const ending = new AbortController();
    using _signals = followSignals(() => ending.abort());
    for await (const trace of api.watchTraces(filterOf(options), ending.signal))
      output.data(options.json ? jsonText(trace) : traceLine(trace, output));
    return exitCodes.ok;
  }
  const document = await api.traces(filterOf(options));
  if (options.json) {
    output.json(document);
    return exitCodes.ok;
  }
  if (document.traces.length === 0)
    output.note(document.kept === 0 ? 'no request was traced yet' : `none of the ${document.kept} traces is such a one`);
  else for (const line of tracesText(document.traces, output)) output.data(line);
  if (document.dropped > 0) output.note(`${document.dropped} spans were lost: there were more than could be told`);
  return exitCodes.ok;
}

function filterOf({ service, status, minDuration, limit }: TracesOptions): ReturnType<typeof readTraceFilter> {
  const ms = minDuration === undefined ? undefined : parseDuration(minDuration);
  if (isProblem(ms)) throw new MeshError('usage', `--min-duration: ${ms.problem}`, ms.hint, exitCodes.usage);
  const query = new URLSearchParams();
  if (service !== undefined) query.set('service', service);
  if (status !== undefined) query.set('status', status);
  if (ms !== undefined) query.set('minMs', String(ms));
  if (limit !== undefined) query.set('limit', limit);
  return readTraceFilter(query);
}
