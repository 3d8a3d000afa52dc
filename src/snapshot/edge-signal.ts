/** Golden signals: what a sidecar tells, every second, of the calls that it sent and took. Deltas, so that a sidecar that was restarted is no riddle. */

/** One end of a call. Missing facts are the empty string. */
export interface Party {
  readonly service: string;
  readonly version: string;
  /** The deployment, not the replica: `reviews-v1`. */
  readonly workload: string;
  /** SPIFFE ID. */
  readonly principal: string;
}

/** What happened on one edge since the sidecar told of it last. */
export interface EdgeSignal {
  /** Which end counted: a call between two sidecars is told by both. */
  readonly reporter: 'source' | 'destination';
  readonly source: Party;
  readonly destination: Party;
  /** `grpc`: some of the calls were. */
  readonly protocol: 'http' | 'grpc' | 'tcp';
  /** By mutual TLS, as the called side saw it; `null`: the caller cannot tell. */
  readonly secured: boolean | null;
  /** Of raw TCP: connections. */
  readonly requests: number;
  /** No answer, 5xx, a gRPC status other than 0; of raw TCP: not connected. */
  readonly failures: number;
  /** 4xx. */
  readonly clientErrors: number;
  /** By access rules. Among the requests, but for raw TCP. */
  readonly denied: number;
  /** Requests per bucket of `bucketBounds`, not cumulative. Empty for raw TCP. */
  readonly durations: readonly number[];
  /** From the caller. */
  readonly bytesIn: number;
  /** To the caller. */
  readonly bytesOut: number;
  /** Connections now. HTTP's are counted at the called side. */
  readonly open: number;
  readonly rules: readonly RuleSignal[];
}

/** What one rule took. */
export interface RuleSignal {
  /** Virtual host and rule: `reviews/canary`. */
  readonly name: string;
  readonly hits: number;
  readonly failures: number;
}

/** How often sidecars tell, ms. */
export const signalsEveryMs = 1_000;
/** Most edges in one message; what does not fit is told a second later. */
export const maxEdgesPerMessage = 1_024;
