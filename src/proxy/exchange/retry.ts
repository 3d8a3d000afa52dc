import type { RetryPolicy } from '../../snapshot/snapshot.ts';
import type { Failure } from './failure.ts';

/** Methods that may be sent twice without doing anything twice. @see RFC 9110 §9.2.2 */
export function isIdempotent(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'PUT' || method === 'DELETE';
}

/** Whether the policy wants another try after an answer with this status. The caller knows whether tries are left. */
export function retriesStatus(policy: RetryPolicy, method: string, status: number): boolean {
  if (status < 400 || !policy.methods.includes(method)) return false;
  if (policy.on.includes('5xx') && status >= 500) return true;
  if (policy.on.includes('gateway-error') && (status === 502 || status === 503 || status === 504)) return true;
  return policy.on.includes('retriable-status-codes') && policy.statusCodes.includes(status);
}

/** Whether the policy wants another try after no answer. A request that never left is tried again for every method. */
export function retriesFailure(policy: RetryPolicy, method: string, failure: Failure): boolean {
  const any = policy.on.includes('5xx');
  if (failure === 'connect-failed' || failure === 'connect-timeout')
    return any || policy.on.includes('connect-failure') || policy.on.includes('gateway-error');
  if (!policy.methods.includes(method)) return false;
  if (failure === 'upstream-closed' || failure === 'upstream-reset') return any || policy.on.includes('reset');
  if (failure === 'per-try-timeout') return any || policy.on.includes('gateway-error');
  if (failure === 'upstream-protocol') return any || policy.on.includes('gateway-error');
  return false;
}

/** Full jitter: uniform in [0, (2^retry - 1) * base), capped at ten times base. `retry` counts from 1, `random` is in [0, 1). */
export function backoffMs(policy: RetryPolicy, retry: number, random: number): number {
  return random * Math.min((2 ** retry - 1) * policy.backoffBaseMs, 10 * policy.backoffBaseMs);
}
