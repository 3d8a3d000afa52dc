/**
 * Terms that configuration and snapshot share by meaning. They are the snapshot's own types, re-stated here so that `config`
 * needs no other folder; `control/compile` is where a difference would be a type error.
 */
export type EgressPolicy = 'allow-any' | 'registry-only';
export type AccessLogFormat = 'off' | 'text' | 'json';
export type MtlsMode = 'strict' | 'permissive' | 'disabled';
export type ListenerProtocol = 'http' | 'tcp' | 'auto';

export interface PathMatch {
  readonly kind: 'exact' | 'prefix' | 'regex';
  readonly value: string;
}

export interface NamedMatch {
  readonly name: string;
  readonly kind: 'exact' | 'prefix' | 'regex' | 'present' | 'absent';
  readonly value: string;
}

export type RetryCondition = 'connect-failure' | 'reset' | '5xx' | 'gateway-error' | 'retriable-status-codes';

export interface RetryPolicy {
  readonly attempts: number;
  readonly on: readonly RetryCondition[];
  readonly statusCodes: readonly number[];
  readonly perTryTimeoutMs: number | null;
  readonly methods: readonly string[];
  readonly backoffBaseMs: number;
}
