import type { Clock } from '../../async/clock.ts';
import type { Downstream, TcpUpstream } from '../data-plane.ts';
import { cr, lf } from '../http1/chars.ts';
import { tell } from './tell.ts';

/** The longest method that is believed, with its space. */
const enough = 24;

/** Whether the first bytes of a connection can be an HTTP/1 request; `null` when there are too few to say. Servers overlook line ends before a request. */
export function looksLikeHttp(bytes: Buffer): boolean | null {
  let start = 0;
  while (bytes[start] === cr || bytes[start] === lf) start++;
  if (start >= enough) return true;
  const line = bytes.toString('latin1', start, start + enough);
  if (/^[A-Z-]{1,23} /.test(line)) return true;
  return /^[A-Z-]*$/.test(line) && line.length < enough ? null : false;
}

/** What becomes of a connection; one of the two is called, once. */
export interface Sniffed {
  readonly http: (downstream: Downstream) => void;
  /** `early`: dialled already, to be used instead of a new upstream. */
  readonly tcp: (downstream: Downstream, early: TcpUpstream | null) => void;
}

/**
 * Tells by the first bytes what a connection speaks, for ports of which nobody said it.
 * @param dial the upstream for raw TCP; `null` where the caller may not have one
 */
export function sniff(downstream: Downstream, clock: Clock, dial: () => TcpUpstream | null, then: Sniffed): void {
  const told = (http: boolean | null, to: Downstream, early: ({ drop(): void } & TcpUpstream) | null): void => {
    if (http !== true) then.tcp(to, early);
    else {
      early?.drop();
      then.http(to);
    }
  };
  tell(downstream, clock, looksLikeHttp, told, dial);
}
