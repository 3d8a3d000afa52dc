/** What `mesh access check` asks of the sidecar of one that would be called, and what it answers. */

/** A call that nobody makes. */
export interface JudgedCall {
  /** SPIFFE ID; `null`: without identity. */
  readonly principal: string | null;
  /** Port of the app. */
  readonly port: number;
  /** The empty string: a raw TCP connection, and nothing below is looked at. */
  readonly method: string;
  readonly authority: string;
  /** With query. */
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Why a rule counts or not. */
export interface RuleJudgement {
  readonly name: string;
  readonly action: string;
  readonly dryRun: boolean;
  readonly matches: boolean;
  /** The condition that does not hold; empty when all do. */
  readonly failed: string;
}

/** What the rules in force say. */
export interface Judgement {
  /** `asks`: an authorizer decides. */
  readonly verdict: 'allowed' | 'denied' | 'asks';
  /** The rule that decides; `null`: none does. */
  readonly rule: string | null;
  /** In words. */
  readonly reason: string;
  /** In the order in which they are written. */
  readonly rules: readonly RuleJudgement[];
}
