import { connectApi } from '../../api/client.ts';
import { exitCodes } from '../../api/mesh-error.ts';
import type { Invocation } from '../invocation.ts';
import { liveView } from '../live-view.ts';
import { edgeStatsText } from '../stats-text.ts';
import { windowOf } from '../window.ts';

/** `mesh top` */
export async function run(
  { project, output }: Invocation,
  services: readonly string[],
  options: { readonly window?: string },
): Promise<number> {
  const { traffic } = connectApi(project.socket);
  const request = { window: windowOf(options.window ?? '10s'), services };
  await liveView(
    output,
    signal => traffic.watchStats(request, signal),
    ({ edges }) =>
      edgeStatsText(
        edges.toSorted((one, other) => other.total.rps - one.total.rps),
        output,
      ),
  );
  return exitCodes.ok;
}
