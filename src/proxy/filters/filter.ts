import type { Decision } from '../exchange/exchange-role.ts';
import type { Failure, LocalReply } from '../exchange/failure.ts';
import type { RequestHead } from '../http1/request-head.ts';

/** Who sends the requests of one connection. */
export interface Caller {
  /** SPIFFE ID from the verified certificate, `null` for plaintext. */
  readonly principal: string | null;
  /** IP address. */
  readonly address: string;
  /** How the listener is spoken to, as URLs say it. */
  readonly scheme: 'http' | 'https';
}

/**
 * Judges a request whose head was just read, and may change the head before it is sent on, or note in the decision what is to happen later (waiting,
 * mirrors, changes of the answer). Made once from a snapshot, called for every request: it neither waits nor throws. Returns why the request goes no
 * further, or what it is answered with; `null` when it may pass.
 */
export type RequestFilter = (head: RequestHead, caller: Caller, decision: Decision) => Failure | LocalReply | null;

/** Passes a request through filters, in order: what the first says that ends it, `null` when all let it pass. */
export function passFilters(
  filters: readonly RequestFilter[],
  head: RequestHead,
  caller: Caller,
  decision: Decision,
): Failure | LocalReply | null {
  for (const filter of filters) {
    const end = filter(head, caller, decision);
    if (end !== null) return end;
  }
  return null;
}
