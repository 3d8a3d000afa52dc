/** How one try at an endpoint ended: the status it answered with (for gRPC without a body the status that its `grpc-status` stands for), or no answer. */
export type Outcome = number | 'local-error';

/** Hears how tries at endpoints end. */
export interface OutcomeWatcher {
  /** `durationMs`: from the beginning of the try to its end. */
  outcome(state: EndpointState, result: Outcome, durationMs: number): void;
}

/** What one client's sidecar knows of an endpoint. Lives as long as the endpoint stays, whatever else of its cluster changes. */
export class EndpointState {
  /** The workload's name, unique in its cluster: places it on a ring, the same one at every sidecar and after a restart. */
  readonly name: string;
  /** Exchanges and connections in progress. */
  active = 0;
  /** Left out by outlier detection. */
  ejected = false;
  /** Left out by active health checks. */
  unhealthy = false;
  /** Monotonic ms from which its slow start counts. */
  since = Number.NEGATIVE_INFINITY;
  /** Peak-EWMA's average in ms and when it was right, monotonic ms. */
  latencyMs = 0;
  latencyAt = Number.NEGATIVE_INFINITY;
  /** Failures in a row. */
  errors = 0;
  gatewayErrors = 0;
  localErrors = 0;
  /** Ejections in a row, lowered again by intervals without one. */
  ejections = 0;
  /** Monotonic ms. */
  ejectedAt = 0;
  watcher: OutcomeWatcher | null = null;

  constructor(name: string) {
    this.name = name;
  }

  /** It takes no traffic unless too many are like it. */
  get out(): boolean {
    return this.ejected || this.unhealthy;
  }
}
