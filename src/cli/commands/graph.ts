import { connectApi } from '../../api/client.ts';
import { exitCodes } from '../../api/mesh-error.ts';
import { graphDot, type graphFormats, graphMermaid, graphText } from '../graph-text.ts';
import type { Invocation } from '../invocation.ts';
import { windowOf } from '../window.ts';

/** `mesh graph` */
export async function run(
  { project, output }: Invocation,
  _args: readonly string[],
  options: { readonly window?: string; readonly format: (typeof graphFormats)[number] },
): Promise<number> {
  const document = await connectApi(project.socket).traffic.graph({ window: windowOf(options.window) });
  if (options.format === 'json') {
    output.json(document);
    return exitCodes.ok;
  }
  const lines = { text: graphText, dot: graphDot, mermaid: graphMermaid }[options.format](document, output);
  for (const line of lines) output.data(line);
  return exitCodes.ok;
}
