import { connectApi } from '../../api/client.ts';
import { exitCodes } from '../../api/mesh-error.ts';
import type { StatsDocument } from '../../api/stats.ts';
import type { Invocation } from '../invocation.ts';
import { liveView } from '../live-view.ts';
import { edgeStatsText, servicesText } from '../stats-text.ts';
import { windowOf } from '../window.ts';

/** `mesh stat` */
export async function run(
  { project, output }: Invocation,
  services: readonly string[],
  options: { readonly by: 'service' | 'edge'; readonly window?: string; readonly watch?: boolean; readonly json?: boolean },
): Promise<number> {
  const { traffic } = connectApi(project.socket);
  const request = { window: windowOf(options.window), services };
  const lines = (document: StatsDocument): readonly string[] =>
    options.by === 'edge' ? edgeStatsText(document.edges, output) : servicesText(document.services, output);
  if (options.watch && !options.json) {
    await liveView(output, signal => traffic.watchStats(request, signal), lines);
    return exitCodes.ok;
  }
  const document = await traffic.stats(request);
  if (options.json) output.json(document);
  else if (document.services.length === 0) output.note('the mesh has no such service, and nobody called one in this time');
  else for (const line of lines(document)) output.data(line);
  return exitCodes.ok;
}
