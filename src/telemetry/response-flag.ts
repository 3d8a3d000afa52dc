/**
 * Why an exchange did not simply pass through, in Envoy's letters; `-` when it did.
 * @see https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage (RESPONSE_FLAGS)
 */
export type ResponseFlag =
  | '-'
  /** No healthy upstream. */
  | 'UH'
  /** Upstream connection failed. */
  | 'UF'
  /** Upstream connection ended before the answer. */
  | 'UC'
  /** Upstream answered something that is not HTTP. */
  | 'UPE'
  /** Route or per-try timeout. */
  | 'UT'
  /** No route. */
  | 'NR'
  /** No cluster of that name. */
  | 'NC'
  /** The limit of retries was reached. */
  | 'URX'
  /** The client went away. */
  | 'DC'
  /** The client sent something that is not HTTP. */
  | 'DPE'
  /** A stream was idle for too long. */
  | 'SI'
  /** Delayed on purpose. */
  | 'DI'
  /** Failed on purpose. */
  | 'FI'
  /** Refused by a rate limit. */
  | 'RL'
  /** Refused by a limit of connections or requests (circuit breaker). */
  | 'UO'
  /** Refused by an external authorizer, or because it could not be asked. */
  | 'UAEX';
