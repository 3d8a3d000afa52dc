import type { LostContext, RetriedTry } from '../../snapshot/observation.ts';

/** The trace of one request on its way through: what it is sent on with, and what its span will say. Made only for requests that need it. */
export interface RequestTrace {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | null;
  readonly side: 'client' | 'server';
  /** A span is made of it in the end. */
  readonly recorded: boolean;
  /** Whole lines for the request's head. */
  readonly lines: string;
  /** Known fields that they stand in place of. */
  readonly cut: number;
  /** Monotonic ms. */
  readonly beganAt: number;
  readonly lost: LostContext | null;
  /** `null`: no try was followed by another. */
  retries: RetriedTry[] | null;
  /** Neighbours among those that the app is serving. @see ServedRequests */
  older: RequestTrace | null;
  newer: RequestTrace | null;
}
