import { counterText, gaugeText } from './exposition.ts';

/** What this process takes of the machine, under Prometheus' standard names. */
export function processMetrics(): string {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  return [
    counterText('process_cpu_seconds_total', 'CPU time that the process took, user and system.', [['', (user + system) / 1e6]]),
    gaugeText('process_resident_memory_bytes', 'Memory of the process.', [['', rss]]),
    gaugeText('nodejs_heap_size_used_bytes', 'Memory that objects take.', [['', heapUsed]]),
  ].join('');
}
