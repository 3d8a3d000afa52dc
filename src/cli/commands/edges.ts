import { connectApi } from '../../api/client.ts';
import { exitCodes } from '../../api/mesh-error.ts';
import type { Invocation } from '../invocation.ts';
import { edgesText } from '../stats-text.ts';
import { windowOf } from '../window.ts';

/** `mesh edges` */
export async function run(
  { project, output }: Invocation,
  services: readonly string[],
  options: { readonly window?: string; readonly json?: boolean },
): Promise<number> {
  const document = await connectApi(project.socket).traffic.stats({ window: windowOf(options.window), services });
  if (options.json) output.json({ ...document, kind: 'Edges', services: undefined });
  else if (document.edges.length === 0) output.note('nobody has called anybody in this time');
  else for (const line of edgesText(document.edges, output)) output.data(line);
  return exitCodes.ok;
}
