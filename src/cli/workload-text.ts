import type { WorkloadStatus } from '../api/types.ts';
import type { Output } from './output.ts';

/** State of a workload in a few words: `running`, `running (healthy)`, `starting`, `exited (1)`, `no sidecar`. */
export function stateOf(workload: WorkloadStatus, output: Output): string {
  const { app, sidecar, pause, kind } = workload;
  if (pause?.state !== 'running') return output.paint('red', pause === null ? 'no pod' : `pod ${pause.state}`);
  if (sidecar?.state !== 'running') return output.paint('red', sidecar === null ? 'no sidecar' : `sidecar ${sidecar.state}`);
  const main = kind === 'gateway' ? sidecar : app;
  if (main === null) return output.paint('red', 'no app');
  if (main.state === 'running') {
    if (isSilent(workload) && main.health !== 'unhealthy') return output.paint('yellow', 'starting');
    const colour = main.health === 'unhealthy' ? 'red' : main.health === 'starting' ? 'yellow' : 'green';
    return output.paint(colour, main.health === 'none' ? 'running' : `running (${main.health})`);
  }
  const why = main.oomKilled ? 'out of memory' : main.exitCode === null ? '' : String(main.exitCode);
  return output.paint(main.exitCode === 0 ? 'dim' : 'red', why === '' ? main.state : `${main.state} (${why})`);
}

/** Why a workload does not serve yet, `web-1: nothing listens on port 80`; `null` for one that serves or that nobody waits for. */
export function missingOf(workload: WorkloadStatus): string | null {
  const { name, app, sidecar, pause, kind, ports, proxy } = workload;
  // A job: its pod ends with it. An app that should not have ended is in the hands of its restart policy.
  if (app?.state === 'exited') return null;
  for (const [what, part] of [
    ['network container', pause],
    ['sidecar', sidecar],
    ['app', kind === 'gateway' ? sidecar : app],
  ] as const) {
    if (part === null) return `${name}: its ${what} is not made yet`;
    if (part.state !== 'running')
      return `${name}: its ${what} ${part.state === 'created' ? 'was not started yet' : `is ${part.state}`}`;
  }
  if (app?.health === 'starting') return `${name}: its health check is still starting`;
  if (app?.health === 'unhealthy') return `${name}: its health check fails`;
  if (isSilent(workload)) return `${name}: nothing listens on port ${ports.join(' or ')}`;
  if (proxy !== null && proxy.state !== 'SYNCED') return `${name}: its sidecar is ${proxy.state.toLowerCase()}`;
  return null;
}

/** Its app runs, and its sidecar finds none of the ports open. */
function isSilent({ app, ports, proxy }: WorkloadStatus): boolean {
  return app?.state === 'running' && ports.length > 0 && proxy?.connected === true && proxy.listening.length === 0;
}
