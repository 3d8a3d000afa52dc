/** Calls of one kind that a sidecar let through, or refused, while somebody watched: the answer to the query `calls`. */
export interface ObservedCall {
  /** SPIFFE ID of the caller; `null`: without identity. */
  readonly principal: string | null;
  /** Port of the app. */
  readonly port: number;
  /** The empty string: raw TCP. */
  readonly method: string;
  /** Template: segments that look like an id are `{*}`. Empty for raw TCP. */
  readonly path: string;
  /** Whether the access rules let them through. */
  readonly allowed: boolean;
  readonly calls: number;
}

/** All that a sidecar noted since it was first asked. */
export interface ObservedCalls {
  /** There were more kinds than it keeps. */
  readonly more: boolean;
  readonly calls: readonly ObservedCall[];
}
