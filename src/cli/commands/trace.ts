import { connectApi } from '../../api/client.ts';
import { exitCodes } from '../../api/mesh-error.ts';
import type { Invocation } from '../invocation.ts';
import { traceText } from '../trace-text.ts';

/** `mesh trace <id>`: one trace as a waterfall. */
export async function run(
  { project, output }: Invocation,
  [id = '']: readonly string[],
  { json }: { readonly json?: boolean },
): Promise<number> {
  const document = await connectApi(project.socket).traffic.trace(id);
  if (json) output.json(document);
  else for (const line of traceText(document, output)) output.data(output.addressed(line));
  return exitCodes.ok;
}
