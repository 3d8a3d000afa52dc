/** What `mesh explain` asks of a sidecar and what it answers. */

/** A request that nobody sends. */
export interface ExplainRequest {
  readonly method: string;
  /** Absolute. */
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** What the running tables would do with it. */
export interface Explanation {
  /** `240.240.1.2:9080 (reviews)`, `gateway web` or `none`. */
  readonly listener: string;
  /** For people. */
  readonly lines: readonly string[];
  /** Every rule with its verdict, and the outcome, as JSON; `null` where no route table is asked. */
  readonly route: unknown;
}
