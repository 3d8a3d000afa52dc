import type { RetryPolicy } from '../../snapshot/route-rule.ts';
import type { ResponseHead } from '../http1/response-head.ts';
import type { Failure } from './failure.ts';

/** Methods that may be sent twice without doing anything twice. @see RFC 9110 §9.2.2 */
export function isIdempotent(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'PUT' || method === 'DELETE';
}

/** Whether the policy wants another try after this answer. The caller knows whether tries are left. */
export function retriesAnswer(policy: RetryPolicy, method: string, head: ResponseHead): boolean {
  if (head.status >= 400 && retriesStatus(policy, method, head.status)) return true;
  if (policy.on.includes('envoy-ratelimited') && head.named('x-envoy-ratelimited') !== null) return true;
  if (!policy.on.some(condition => condition in grpcConditions)) return false;
  const status = head.named('grpc-status');
  return status !== null && policy.on.some(condition => grpcConditions[condition] === status);
}

/** gRPC conditions and their status. They hold for every method: gRPC knows only POST. */
const grpcConditions: Readonly<Record<string, string>> = {
  cancelled: '1',
  'deadline-exceeded': '4',
  'resource-exhausted': '8',
  internal: '13',
  unavailable: '14',
};

/** Whether the policy wants another try after an answer with this status. */
export function retriesStatus(policy: RetryPolicy, method: string, status: number): boolean {
  if (status < 400 || !policy.methods.includes(method)) return false;
  const { on } = policy;
  if (on.includes('5xx') && status >= 500) return true;
  if (on.includes('gateway-error') && (status === 502 || status === 503 || status === 504)) return true;
  if (on.includes('retriable-4xx') && status === 409) return true;
  return on.includes('retriable-status-codes') && policy.statusCodes.includes(status);
}

/** Whether the policy wants another try after no answer. A request that nobody did anything about is tried again for every method. */
export function retriesFailure(policy: RetryPolicy, method: string, failure: Failure): boolean {
  const { on } = policy;
  const any = on.includes('5xx');
  switch (failure) {
    case 'connect-failed':
    case 'connect-timeout':
      return any || on.includes('connect-failure') || on.includes('gateway-error') || on.includes('reset-before-request');
    case 'upstream-refused':
      return any || on.includes('refused-stream') || on.includes('reset') || on.includes('reset-before-request');
    case 'upstream-closed':
    case 'upstream-reset':
      return policy.methods.includes(method) && (any || on.includes('reset'));
    case 'per-try-timeout':
    case 'upstream-protocol':
      return policy.methods.includes(method) && (any || on.includes('gateway-error'));
    default:
      return false;
  }
}

/** Full jitter: uniform in [0, (2^retry - 1) * base), capped. `retry` counts from 1, `random` is in [0, 1). */
export function backoffMs(policy: RetryPolicy, retry: number, random: number): number {
  const { backoffBaseMs, backoffMaxMs = 10 * backoffBaseMs } = policy;
  return random * Math.min((2 ** retry - 1) * backoffBaseMs, backoffMaxMs);
}
