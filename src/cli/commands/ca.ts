import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exitCodes, MeshError } from '../../api/mesh-error.ts';
import type { Invocation } from '../invocation.ts';

/** `mesh ca`: the root certificate that gateways' certificates come from, for `curl --cacert` and trust stores. */
export async function run({ project, output }: Invocation): Promise<number> {
  const file = join(project.stateDir, 'ca.pem');
  let pem: string;
  try {
    pem = await readFile(file, 'utf8');
  } catch {
    throw new MeshError('no-ca', `there is no CA yet: ${file} is missing`, '`mesh up` makes it');
  }
  output.raw(pem);
  return exitCodes.ok;
}
