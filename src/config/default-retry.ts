import type { RetryPolicy } from '../snapshot/route-rule.ts';

/** Envoy's base of the waiting time between tries. */
export const defaultBackoffMs = 25;

/**
 * Retries where nothing is said of them: two more tries while the request surely was not seen by anybody, so every method may.
 * `retries: 0` is a word against it.
 * @see Istio's default retry policy
 */
export const defaultRetry: RetryPolicy = {
  attempts: 2,
  on: ['connect-failure', 'refused-stream'],
  statusCodes: [],
  perTryTimeoutMs: null,
  methods: [],
  backoffBaseMs: defaultBackoffMs,
};
