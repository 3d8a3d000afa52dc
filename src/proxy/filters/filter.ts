import type { AccessCaller } from '../access/access-request.ts';
import type { Decision } from '../exchange/exchange-role.ts';
import type { Failure, LocalReply } from '../exchange/failure.ts';
import type { RequestHead } from '../http1/request-head.ts';

/** Who sends the requests of one connection. */
export interface Caller extends AccessCaller {
  /** How the listener is spoken to, as URLs say it. */
  readonly scheme: 'http' | 'https';
  /** At the app's side: value of `x-forwarded-client-cert` that the app gets with this head; the empty string: none. */
  readonly certificates?: (head: RequestHead) => string;
  /** As `Downstream.clientCertificate`. */
  readonly clientCertificate?: string;
}

/** Somebody has to be asked before the request can be judged. Meanwhile its body is held back, and its client may leave. */
export interface Wait {
  readonly kind: 'wait';
  /**
   * Asks. `resume` is called, at once or later, when the answer stands in the decision: the request is then judged anew, from its head as it came; further
   * calls do nothing. Returns how to give up: called at most once, and not after `resume`.
   */
  begin(resume: () => void): () => void;
}

/** Why the request goes no further, what it is answered with, what it has to wait for; `null`: it passes. */
export type Verdict = Failure | LocalReply | Wait | null;

/** Tells what has to be waited for from what is final. */
export function isWait(verdict: Verdict): verdict is Wait {
  return typeof verdict === 'object' && verdict !== null && 'begin' in verdict;
}

/**
 * Judges a request whose head was just read, and may change the head before it is sent on, or note in the decision what is to happen later (delays,
 * mirrors, changes of the answer). Made once from a snapshot, called for every request, and again after each wait: it does not throw, and whatever comes
 * before a filter that waits must be repeatable (no draws, no counts).
 */
export type RequestFilter = (head: RequestHead, caller: Caller, decision: Decision) => Verdict;

/** Passes a request through filters, in order: what the first says that ends or holds it, `null` when all let it pass. */
export function passFilters(filters: readonly RequestFilter[], head: RequestHead, caller: Caller, decision: Decision): Verdict {
  for (const filter of filters) {
    const end = filter(head, caller, decision);
    if (end !== null) return end;
  }
  return null;
}
