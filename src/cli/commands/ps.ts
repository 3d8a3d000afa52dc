import { connectApi, isAlive } from '../../api/client.ts';
import { exitCodes } from '../../api/mesh-error.ts';
import { apiVersion, type WorkloadStatus } from '../../api/types.ts';
import { openEngine } from '../engine.ts';
import type { Invocation } from '../invocation.ts';
import { table } from '../table.ts';
import { stateOf } from '../workload-text.ts';

/** `mesh ps`: from the daemon where one lives, because it also knows the sidecars; else from the engine. */
export async function run(
  invocation: Invocation,
  _args: readonly string[],
  options: { readonly json?: boolean; readonly quiet?: boolean },
): Promise<number> {
  const { output } = invocation;
  const workloads = await list(invocation);
  if (options.json) output.json({ apiVersion, kind: 'WorkloadList', workloads });
  else if (options.quiet) for (const { name } of workloads) output.data(name);
  else {
    const rows = workloads.map(each => [
      each.name,
      each.service,
      each.version || '-',
      stateOf(each, output),
      each.address ?? '-',
      each.app?.image ?? '-',
    ]);
    for (const line of table(['WORKLOAD', 'SERVICE', 'VERSION', 'STATE', 'ADDRESS', 'IMAGE'], rows)) output.data(line);
  }
  return exitCodes.ok;
}

async function list(invocation: Invocation): Promise<readonly WorkloadStatus[]> {
  const { socket } = invocation.project;
  if (await isAlive(socket)) return (await connectApi(socket).status()).workloads;
  return (await openEngine(invocation)).engine.workloads();
}
