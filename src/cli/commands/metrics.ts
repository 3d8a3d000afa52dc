import { connectApi } from '../../api/client.ts';
import { exitCodes } from '../../api/mesh-error.ts';
import type { Invocation } from '../invocation.ts';

/** `mesh metrics` */
export async function run({ project, output }: Invocation): Promise<number> {
  output.data((await connectApi(project.socket).metrics()).trimEnd());
  return exitCodes.ok;
}
