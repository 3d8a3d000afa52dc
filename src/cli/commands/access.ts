import type { SeenCall, SeenCallsDocument } from '../../api/access.ts';
import { connectApi } from '../../api/client.ts';
import { readExplainRequest } from '../../api/explain-request.ts';
import { exitCodes, MeshError } from '../../api/mesh-error.ts';
import { apiVersion, type MeshApi } from '../../api/types.ts';
import { isProblem, parseDuration } from '../../config/units.ts';
import { accessYaml } from '../../text/access-yaml.ts';
import { escapeLine } from '../../text/escape.ts';
import { checkText, matrixText, nobody } from '../access-text.ts';
import { readHeader } from '../header-option.ts';
import type { Invocation } from '../invocation.ts';
import { learnRules } from '../learned-rules.ts';
import { followSignals } from '../signals.ts';
import { age } from '../table.ts';
import { WatchedCalls } from '../watched-calls.ts';

/** Options of `mesh access check`, `list` and `learn`. */
export interface AccessOptions {
  readonly json?: boolean;
  readonly header?: readonly string[];
  readonly for?: string;
  readonly requests?: boolean;
  readonly denied?: boolean;
}

/** `mesh access list`, `mesh access learn`, `mesh access check <from> <METHOD> <url>` */
export async function run(
  invocation: Invocation,
  [action = 'list', ...words]: readonly string[],
  options: AccessOptions,
): Promise<number> {
  const api = connectApi(invocation.project.socket);
  switch (action) {
    case 'list':
      return list(invocation, api, options);
    case 'learn':
      return learn(invocation, api, options);
    case 'check':
      return check(invocation, api, words, options);
    default:
      throw new MeshError('usage', `no action "${action}"`, 'one of check, list, learn', exitCodes.usage);
  }
}

/** Exit code 0 when the call would be let in wherever it may go, else 1: for scripts. */
async function check(
  { output }: Invocation,
  api: MeshApi,
  [from = '', method = '', url = '', ...more]: readonly string[],
  { json, header = [] }: AccessOptions,
): Promise<number> {
  if (url === '' || more.length > 0)
    throw new MeshError(
      'usage',
      '`mesh access check` takes a caller, a method and a URL',
      '`mesh access check storefront GET http://reviews:9080/reviews/1`; the caller may be `nobody`',
      exitCodes.usage,
    );
  const [caller, request] = readExplainRequest({ from, method: method.toUpperCase(), url, headers: header.map(readHeader) });
  const document = await api.checkAccess(caller, request);
  if (json) output.json(document);
  else for (const line of checkText(document, request)) output.data(line);
  const { destinations } = document;
  return destinations.length > 0 && destinations.every(({ verdict }) => verdict === 'allowed') ? exitCodes.ok : exitCodes.failure;
}

async function list({ output }: Invocation, api: MeshApi, { json }: AccessOptions): Promise<number> {
  const document = await api.accessMatrix();
  if (json) output.json(document);
  else for (const line of matrixText(document)) output.data(line);
  return exitCodes.ok;
}

/** Watches until the time is over or Ctrl-C, then prints the rules that allow what was seen. */
async function learn({ output }: Invocation, api: MeshApi, options: AccessOptions): Promise<number> {
  const forMs = options.for === undefined ? 60_000 : parseDuration(options.for);
  if (isProblem(forMs)) throw new MeshError('usage', `--for: ${forMs.problem}`, forMs.hint, exitCodes.usage);
  const seen = new WatchedCalls();
  const unasked = new Set<string>();
  let more = false;
  const look = async (documents: AsyncIterable<SeenCallsDocument>): Promise<void> => {
    for await (const document of documents) {
      more ||= document.more;
      for (const workload of document.unasked) unasked.add(workload);
      seen.add(document);
    }
  };
  output.note(`watching for ${age(forMs)}: use the application now; Ctrl-C ends it sooner`);
  const ending = new AbortController();
  using _signals = followSignals(() => ending.abort());
  await look(api.seenCalls(forMs, ending.signal));
  if (ending.signal.aborted) await look(api.seenCalls(0, new AbortController().signal));
  const { calls } = seen;
  const wanted = calls.filter(call => options.denied === true || call.allowed);
  const rules = learnRules(wanted, { requests: options.requests === true });
  if (options.json) {
    output.json({ apiVersion, kind: 'LearnedAccess', rules, calls, more, unasked: [...unasked] });
    return exitCodes.ok;
  }
  for (const line of remarks(calls, options)) output.note(line);
  for (const workload of unasked) output.note(`${workload} could not be asked all the time: calls to it may be missing`);
  if (more) output.note('a service has more different paths than are kept: learn by service, without --requests');
  for (const line of accessYaml(rules)) output.data(line);
  return exitCodes.ok;
}

/** What no rule can be made of, or was not. */
function remarks(calls: readonly SeenCall[], { denied }: AccessOptions): readonly string[] {
  const lines: string[] = [];
  for (const { to, port } of unique(calls.filter(call => call.from === null && call.allowed)))
    lines.push(`calls to ${to}:${port} came without an identity (from the host, or plaintext): no rule below allows them`);
  const refused = calls.filter(call => !call.allowed && call.from !== null && denied !== true);
  for (const { from, to, port, method, path } of unique(refused)) {
    const more = refused.filter(call => call.from === from && call.to === to && call.port === port).length - 1;
    const what = method === '' ? '' : ` ${escapeLine(`${method} ${path}`)}${more === 0 ? '' : ` and ${more} more`}`;
    lines.push(`refused, and left out: ${from ?? nobody} → ${to}:${port}${what} (with --denied it gets a rule too)`);
  }
  return lines;
}

function unique(calls: readonly SeenCall[]): readonly SeenCall[] {
  return [...new Map(calls.map(call => [JSON.stringify([call.from, call.to, call.port]), call])).values()];
}
