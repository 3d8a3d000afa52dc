import { exitCodes } from '../../api/mesh-error.ts';
import { apiVersion } from '../../api/types.ts';
import { version } from '../../api/version.ts';
import type { Invocation } from '../invocation.ts';

/** `mesh version` */
export async function run(
  { output }: Invocation,
  _args: readonly string[],
  options: { readonly json?: boolean },
): Promise<number> {
  if (options.json) output.json({ apiVersion, kind: 'Version', version: version(), node: process.versions.node });
  else output.data(`localmesh ${version()} (Node ${process.versions.node}, ${process.platform} ${process.arch})`);
  return exitCodes.ok;
}
