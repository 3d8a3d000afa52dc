import { writeFile } from 'node:fs/promises';
import { STATUS_CODES } from 'node:http';
import { connectApi } from '../../api/client.ts';
import { exitCodes, MeshError } from '../../api/mesh-error.ts';
import { readTapRequest, type TapExchange, tapQuery } from '../../api/tap.ts';
import { version } from '../../api/version.ts';
import { isProblem, parseDuration, parseSize } from '../../config/units.ts';
import { jsonText } from '../../text/escape.ts';
import { harOf } from '../../text/har.ts';
import type { Invocation } from '../invocation.ts';
import { followSignals } from '../signals.ts';
import { tapText } from '../tap-text.ts';

/** Options of `mesh tap`. */
export interface TapOptions {
  readonly from?: string;
  readonly to?: string;
  readonly path?: string;
  readonly method?: string;
  readonly status?: readonly string[];
  readonly header?: readonly string[];
  readonly at?: 'source' | 'destination' | 'both';
  readonly max?: string;
  readonly for?: string;
  readonly body?: true | string;
  readonly heads?: boolean;
  readonly json?: boolean;
  readonly har?: string;
}

const defaultBodyBytes = 4 * 1024;
/** An archive is made in memory. */
const maxArchived = 10_000;

/** `mesh tap` */
export async function run({ output, project }: Invocation, _arguments: unknown, options: TapOptions): Promise<number> {
  const request = requestOf(options);
  const ending = new AbortController();
  using _signals = followSignals(() => ending.abort());
  const archived: TapExchange[] = [];
  let shed = 0;
  for await (const line of connectApi(project.socket).tap(request, ending.signal)) {
    if (line.kind === 'exchange' && options.har !== undefined && archived.length < maxArchived) archived.push(line);
    if (line.kind === 'shed') shed += line.count;
    if (options.json) output.raw(`${jsonText(line)}\n`);
    else if (line.kind !== 'end')
      for (const text of tapText(line, options.heads ?? false, (...all) => output.paint(...all))) output.data(text);
    if (line.kind === 'end' && line.reason === 'slow')
      throw new MeshError(
        'slow-reader',
        'the tap ended: lines were not read as fast as they came',
        'ask for less: --to, --path, --status',
      );
  }
  if (shed > 0)
    output.note(`${shed} more were not shown: a sidecar tells at most 100 in a second; ask for less with --to, --path, --status`);
  if (options.har !== undefined) {
    // It may hold bodies.
    await writeFile(options.har, `${jsonText(harOf(archived, version(), STATUS_CODES), 2)}\n`, { mode: 0o600 });
    output.note(`${archived.length} ${archived.length === 1 ? 'request' : 'requests'} in ${options.har}`);
  }
  return ending.signal.aborted && options.har === undefined ? exitCodes.interrupted : exitCodes.ok;
}

function requestOf(options: TapOptions) {
  const usage = (name: string, problem: string, hint: string): MeshError =>
    new MeshError('usage', `--${name}: ${problem}`, hint, exitCodes.usage);
  const forMs = options.for === undefined ? 0 : parseDuration(options.for);
  if (isProblem(forMs)) throw usage('for', forMs.problem, forMs.hint);
  const bodyBytes = options.body === undefined ? 0 : options.body === true ? defaultBodyBytes : parseSize(options.body);
  if (isProblem(bodyBytes)) throw usage('body', bodyBytes.problem, bodyBytes.hint);
  const { from = '', to = '', path = '', method = '', status = [], header = [], at = 'destination' } = options;
  const max = Number(options.max ?? 0);
  const asked = { from, to, path, method, statuses: status, headers: header, at, max, forMs, bodyBytes };
  try {
    // What the daemon would refuse is a wrong command line.
    return readTapRequest(new URLSearchParams(tapQuery(asked)));
  } catch (error) {
    throw error instanceof MeshError ? new MeshError('usage', error.message, error.hint, exitCodes.usage) : error;
  }
}
