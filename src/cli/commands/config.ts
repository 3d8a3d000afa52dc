import { exitCodes } from '../../api/mesh-error.ts';
import { apiVersion } from '../../api/types.ts';
import { renderConfig } from '../../config/render.ts';
import type { Invocation } from '../invocation.ts';
import { loadConfig } from '../load-config.ts';

/** `mesh config` */
export async function run(
  invocation: Invocation,
  _args: readonly string[],
  options: { readonly json?: boolean },
): Promise<number> {
  const config = await loadConfig(invocation);
  if (options.json) invocation.output.json({ apiVersion, kind: 'ResolvedConfig', config });
  else invocation.output.raw(renderConfig(config));
  return exitCodes.ok;
}
