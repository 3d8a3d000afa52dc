import { connectApi } from '../../api/client.ts';
import { exitCodes } from '../../api/mesh-error.ts';
import type { Invocation } from '../invocation.ts';
import { routesText } from '../stats-text.ts';
import { windowOf } from '../window.ts';

/** `mesh routes` */
export async function run(
  { project, output }: Invocation,
  services: readonly string[],
  options: { readonly window?: string; readonly all?: boolean; readonly json?: boolean },
): Promise<number> {
  const document = await connectApi(project.socket).traffic.routes({ window: windowOf(options.window), services });
  if (options.json) {
    output.json(document);
    return exitCodes.ok;
  }
  const routes = document.routes.filter(
    ({ rule, service, hits }) => hits > 0 || options.all || !(rule === 'default' || service === 'egress'),
  );
  if (routes.length === 0) output.note('no rule of mesh.yaml, and none was hit; -a shows those that services have by themselves');
  else for (const line of routesText(routes, output)) output.data(line);
  return exitCodes.ok;
}
