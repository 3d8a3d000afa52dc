import { connectApi } from '../../api/client.ts';
import { exitCodes } from '../../api/mesh-error.ts';
import { apiVersion } from '../../api/types.ts';
import { escapeLines } from '../../text/escape.ts';
import type { Invocation } from '../invocation.ts';
import { table } from '../table.ts';

/** `mesh proxy-status` */
export async function run(
  { project, output }: Invocation,
  _args: readonly string[],
  options: { readonly json?: boolean },
): Promise<number> {
  const { workloads } = await connectApi(project.socket).status();
  const proxies = workloads.map(({ name, proxy }) => ({ workload: name, ...proxy }));
  if (options.json) {
    output.json({ apiVersion, kind: 'ProxyStatusList', proxies });
    return exitCodes.ok;
  }
  const rows = proxies.map(({ workload, state = 'NOT SENT', sent, acked, connected, svidExpiresAtMs, reason = '' }) => [
    workload,
    output.paint(state === 'SYNCED' ? 'green' : 'yellow', state),
    short(sent),
    short(acked),
    connected ? 'yes' : 'no',
    svidExpiresAtMs ? new Date(svidExpiresAtMs).toISOString().replace('.000', '') : '-',
    escapeLines(reason),
  ]);
  for (const line of table(['WORKLOAD', 'STATE', 'SENT', 'ACKED', 'CONNECTED', 'SVID EXPIRES', 'REASON'], rows))
    output.data(line);
  return exitCodes.ok;
}

function short(version: string | null | undefined): string {
  return version ? version.slice(0, 12) : '-';
}
