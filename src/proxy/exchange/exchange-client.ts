import type { BodyLength } from '../http1/framing.ts';
import type { ResponseHead } from '../http1/response-head.ts';
import type { ExchangeRole } from './exchange-role.ts';
import type { LocalReply } from './failure.ts';

/**
 * The client's side of an exchange, in whatever version of HTTP it speaks. Calls come in the order of an answer: `interim`*, then one of `answer`, `reply`,
 * `tunnelOpened`, `abort`; pieces; `trailers`; `end`; and last `exchangeEnded`, unless the client is gone or was aborted.
 */
export interface ExchangeClient {
  readonly role: ExchangeRole;
  /** `address:port` of the client. */
  readonly remote: string;
  /** `address:port` that the client dialled. */
  readonly local: string;
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2';
  /** No room for more: the server is paused until `Exchange.clientDrained`. */
  readonly full: boolean;
  /** 1xx but 101. */
  interim(head: ResponseHead): void;
  /**
   * The answer's head; the codec frames the body itself. `cut`: further known fields to leave out. `lines`: whole lines to add. `length`: 0 also where the
   * request or status allows no body; `chunkedBody` and `untilClose` both mean untold.
   */
  answer(head: ResponseHead, cut: number, lines: string, length: BodyLength): void;
  /** A whole local answer including its end. `lines`: whole lines beside its own. */
  reply(reply: LocalReply, lines: string): void;
  /** Data of the body, or of the other protocol in a tunnel; valid only during the call. */
  piece(bytes: Buffer, from: number, to: number): void;
  /** Canonical lines; `end` follows. */
  trailers(lines: string): void;
  end(): void;
  /** Everything of this turn has been said. */
  flush(): void;
  /** 101 (HTTP/2: 200): pieces are the other protocol's from here. */
  tunnelOpened(head: ResponseHead, lines: string): void;
  /** The server has ended its side of the tunnel; the client may still send. */
  endTunnel(): void;
  pauseReading(): void;
  resumeReading(): void;
  /** The answer cannot be completed, or must not be sent: the client sees that. `code`: of HTTP/2 [INTERNAL_ERROR]. */
  abort(code?: number): void;
  /** The exchange is over and `Exchange` may begin the next one. */
  exchangeEnded(): void;
}
