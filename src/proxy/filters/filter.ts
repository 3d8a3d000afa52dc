import type { Failure } from '../exchange/failure.ts';
import type { RequestHead } from '../http1/request-head.ts';

/** Who sends the requests of one connection. */
export interface Caller {
  /** SPIFFE ID from the verified certificate, `null` for plaintext. */
  readonly principal: string | null;
}

/**
 * Judges a request whose head was just read, and may change the head before it is sent on. Made once from a snapshot, called for every
 * request: it neither waits nor throws. Returns why the request goes no further, `null` when it may.
 */
export type RequestFilter = (head: RequestHead, caller: Caller) => Failure | null;
