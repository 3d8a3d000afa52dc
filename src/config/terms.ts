/**
 * Terms that configuration and snapshot share by meaning. They are the snapshot's own types, re-stated here so that `config`
 * needs no other folder; `control/compile` is where a difference would be a type error.
 */
export type EgressPolicy = 'allow-any' | 'registry-only';
/** Form of the access log. */
export type AccessLogFormat = 'off' | 'text' | 'json';
/** Whether plaintext is taken from other pods: `strict` refuses it, `permissive` takes both, `disabled` sends it too. */
export type MtlsMode = 'strict' | 'permissive' | 'disabled';
/** What a port speaks; `auto`: told by the first bytes. */
export type ListenerProtocol = 'http' | 'tcp' | 'auto';

/** A condition on the path. `prefix` compares whole segments, `regex` the whole path. */
export interface PathMatch {
  readonly kind: 'exact' | 'prefix' | 'regex';
  readonly value: string;
}

/** A condition on a header or query parameter; `value` is empty for `present` and `absent`. */
export interface NamedMatch {
  readonly name: string;
  readonly kind: 'exact' | 'prefix' | 'regex' | 'present' | 'absent';
  readonly value: string;
}

/** Envoy's retry conditions that the sidecar knows. */
export type RetryCondition = 'connect-failure' | 'reset' | '5xx' | 'gateway-error' | 'retriable-status-codes';

/** When and how often a request is tried again. */
export interface RetryPolicy {
  readonly attempts: number;
  readonly on: readonly RetryCondition[];
  readonly statusCodes: readonly number[];
  readonly perTryTimeoutMs: number | null;
  readonly methods: readonly string[];
  readonly backoffBaseMs: number;
}
