import type { WorkloadStatus } from '../api/types.ts';
import type { Output } from './output.ts';

/** State of a workload in a few words: `running`, `running (healthy)`, `exited (1)`, `no sidecar`. */
export function stateOf({ app, sidecar, pause, kind }: WorkloadStatus, output: Output): string {
  if (pause?.state !== 'running') return output.paint('red', pause === null ? 'no pod' : `pod ${pause.state}`);
  if (sidecar?.state !== 'running') return output.paint('red', sidecar === null ? 'no sidecar' : `sidecar ${sidecar.state}`);
  const main = kind === 'gateway' ? sidecar : app;
  if (main === null) return output.paint('red', 'no app');
  if (main.state === 'running') {
    const colour = main.health === 'unhealthy' ? 'red' : main.health === 'starting' ? 'yellow' : 'green';
    return output.paint(colour, main.health === 'none' ? 'running' : `running (${main.health})`);
  }
  const why = main.oomKilled ? 'out of memory' : main.exitCode === null ? '' : String(main.exitCode);
  return output.paint(main.exitCode === 0 ? 'dim' : 'red', why === '' ? main.state : `${main.state} (${why})`);
}
