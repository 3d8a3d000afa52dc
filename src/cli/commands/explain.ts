import { connectApi } from '../../api/client.ts';
import { readExplainRequest } from '../../api/explain-request.ts';
import { exitCodes } from '../../api/mesh-error.ts';
import { escapeLines } from '../../text/escape.ts';
import { readHeader } from '../header-option.ts';
import type { Invocation } from '../invocation.ts';

/** `mesh explain <from> <METHOD> <url> [-H 'name: value']`: asked of the caller's own sidecar. */
export async function run(
  { project, output }: Invocation,
  [from = '', method = '', url = '']: readonly string[],
  options: { readonly header?: readonly string[]; readonly json?: boolean },
): Promise<number> {
  const headers = (options.header ?? []).map(readHeader);
  const [caller, request] = readExplainRequest({ from, method: method.toUpperCase(), url, headers });
  const document = await connectApi(project.socket).explain(caller, request);
  if (options.json) {
    output.json(document);
    return exitCodes.ok;
  }
  output.data(`${document.workload}: ${request.method} ${request.url}`);
  output.data(`listener ${escapeLines(document.listener)}`);
  for (const line of document.lines) output.data(escapeLines(line));
  return exitCodes.ok;
}
