import { connectApi } from '../../api/client.ts';
import { exitCodes } from '../../api/mesh-error.ts';
import { escapeLines } from '../../text/escape.ts';
import type { Invocation } from '../invocation.ts';

/** `mesh metrics` */
export async function run({ project, output }: Invocation): Promise<number> {
  for await (const piece of connectApi(project.socket).metrics()) output.raw(escapeLines(piece));
  return exitCodes.ok;
}
