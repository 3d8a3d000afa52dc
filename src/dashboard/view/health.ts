import type { GraphEdge } from '../../api/stats.ts';
import type { Health } from './parts.tsx';

type Calls = Pick<GraphEdge['total'], 'requests' | 'failures' | 'clientErrors' | 'denied'>;

/** Shares from which on calls are `warn` and `bad`. @see Kiali, health configuration */
const thresholds = { failures: { warn: 0, bad: 0.1 }, clientErrors: { warn: 0.1, bad: 0.2 } } as const;

/** How well calls went that were let through; `idle`: there were none. */
export function healthOf({ failures, clientErrors, denied, requests }: Calls, protocol: GraphEdge['protocol'] | null): Health {
  const passed = allowed({ requests, denied }, protocol);
  if (passed === 0) return 'idle';
  const failed = failures / passed;
  // What was refused is among the 4xx of HTTP.
  const clientFailed = protocol === 'tcp' ? 0 : Math.max(0, clientErrors - denied) / passed;
  if (failed >= thresholds.failures.bad || clientFailed >= thresholds.clientErrors.bad) return 'bad';
  if (failed > thresholds.failures.warn || clientFailed >= thresholds.clientErrors.warn) return 'warn';
  return 'good';
}

/** Calls that no access rule refused. */
function allowed({ requests, denied }: Pick<Calls, 'requests' | 'denied'>, protocol: GraphEdge['protocol'] | null): number {
  // Refused connections of raw TCP are not among the requests.
  return protocol === 'tcp' ? requests : Math.max(0, requests - denied);
}

/** How well one request went; 0 is no answer. `failed`: whatever it says, something below it did. */
export function healthOfStatus(status: number, failed = false): Health {
  if (status === 0 || status >= 500) return 'bad';
  return status >= 400 ? 'warn' : failed ? 'bad' : 'good';
}

/** What a health is called. `calling`: of who is not called, but calls. */
export function healthWord({ health, calling = false }: { readonly health: Health; readonly calling?: boolean }): string {
  return calling ? 'calling' : { good: 'healthy', warn: 'degraded', bad: 'failing', idle: 'idle' }[health];
}
