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

/** A condition on the path. `prefix` compares whole segments, `starts-with` text, `regex` the whole path. */
export interface PathMatch {
  readonly kind: 'exact' | 'prefix' | 'starts-with' | 'regex';
  readonly value: string;
}

/** A condition on a header or query parameter; `value` is empty for `present` and `absent`. `not`: must not match. */
export interface NamedMatch {
  readonly name: string;
  readonly kind: 'exact' | 'prefix' | 'regex' | 'present' | 'absent';
  readonly value: string;
  readonly not?: true;
}

/** A condition on a text; `regex` must match all of it. */
export interface TextMatch {
  readonly kind: 'exact' | 'prefix' | 'regex';
  readonly value: string;
}

/** Answers with a redirection. Absent parts stay as the client wrote them. */
export interface RedirectAction {
  readonly kind: 'redirect';
  readonly status: 301 | 302 | 303 | 307 | 308;
  readonly scheme?: 'http' | 'https';
  readonly host?: string;
  readonly port?: number;
  readonly path?: PathRewrite;
}

/** Answers in place of a service. */
export interface RespondAction {
  readonly kind: 'respond';
  readonly status: number;
  readonly body: string;
  readonly contentType: string;
}

/** How a forwarded request is changed. */
export interface Rewrite {
  readonly path?: PathRewrite;
  readonly host?: string;
}

/** `full`: the whole path; `prefix`: what the path condition matched; `regex`: every place that `pattern` finds, with its groups as `\1` to `\9`. */
export type PathRewrite =
  | { readonly kind: 'full'; readonly value: string }
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'regex'; readonly pattern: string; readonly value: string };

/** Removes first, then sets, then adds. Names are lower case. */
export interface HeaderEdits {
  readonly remove: readonly string[];
  readonly set: readonly HeaderField[];
  readonly add: readonly HeaderField[];
}

/** One header field. */
export interface HeaderField {
  readonly name: string;
  readonly value: string;
}

/** Which web pages of other origins may call. */
export interface CorsPolicy {
  readonly allowOrigins: readonly TextMatch[];
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAgeSeconds?: number;
  readonly allowCredentials: boolean;
  readonly unmatchedPreflights: 'forward' | 'ignore';
}

/** A failure made on purpose. */
export type Fault = FaultScope &
  (
    | { readonly kind: 'delay'; readonly ms: number; readonly jitterMs: number }
    | { readonly kind: 'abort'; readonly status: number; readonly grpcStatus?: number }
    | { readonly kind: 'reset' }
    | { readonly kind: 'blackhole' }
    | { readonly kind: 'bandwidth'; readonly bytesPerSecond: number }
  );

/** Which requests or connections a fault hits: so many percent, and of them only the first few. */
export interface FaultScope {
  readonly percent: number;
  readonly first?: number;
}

/** A token bucket. `burst`: tokens that can be saved up. */
export interface RateLimit {
  readonly name: string;
  readonly requests: number;
  readonly perMs: number;
  readonly burst: number;
  readonly by: { readonly kind: 'all' } | { readonly kind: 'source' } | { readonly kind: 'header'; readonly name: string };
}

/** Envoy's retry conditions that the sidecar knows; the last five are gRPC's. */
export type RetryCondition =
  | 'connect-failure'
  | 'refused-stream'
  | 'reset'
  | 'reset-before-request'
  | '5xx'
  | 'gateway-error'
  | 'retriable-4xx'
  | 'retriable-status-codes'
  | 'envoy-ratelimited'
  | 'cancelled'
  | 'deadline-exceeded'
  | 'internal'
  | 'resource-exhausted'
  | 'unavailable';

/** When and how often a request is tried again. */
export interface RetryPolicy {
  readonly attempts: number;
  readonly on: readonly RetryCondition[];
  readonly statusCodes: readonly number[];
  readonly perTryTimeoutMs: number | null;
  readonly methods: readonly string[];
  readonly backoffBaseMs: number;
  readonly backoffMaxMs?: number;
}
