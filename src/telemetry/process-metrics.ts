import { counterText, gaugeText } from './exposition.ts';

/** What this process takes of the machine. Not under Prometheus' standard names: those are the app's, where both are scraped as one. */
export function processMetrics(): string {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  return [
    counterText('mesh_process_cpu_seconds_total', 'CPU time that the sidecar took, user and system.', [
      ['', (user + system) / 1e6],
    ]),
    gaugeText('mesh_process_resident_memory_bytes', 'Memory of the sidecar.', [['', rss]]),
    gaugeText('mesh_process_heap_bytes', 'Memory that objects take.', [['', heapUsed]]),
  ].join('');
}
