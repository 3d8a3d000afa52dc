import { connectApi } from '../../api/client.ts';
import { exitCodes } from '../../api/mesh-error.ts';
import { apiVersion } from '../../api/types.ts';
import { renderConfig } from '../../config/render.ts';
import type { Invocation } from '../invocation.ts';
import { loadConfig } from '../load-config.ts';

/** `mesh config` */
export async function run(
  invocation: Invocation,
  _args: readonly string[],
  options: { readonly json?: boolean; readonly running?: boolean },
): Promise<number> {
  const { project } = invocation;
  const config = options.running ? (await connectApi(project.socket).config()).config : await loadConfig(invocation);
  if (options.json) invocation.output.json({ apiVersion, kind: 'ResolvedConfig', config });
  else invocation.output.data(renderConfig(config).trimEnd());
  return exitCodes.ok;
}
