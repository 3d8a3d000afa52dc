import type { MessageWriter } from '../http1/message-writer.ts';
import type { ExchangeRole } from './exchange-role.ts';

/** The client's side of an exchange, as the exchange needs it. */
export interface Http1Client {
  readonly role: ExchangeRole;
  readonly writer: MessageWriter;
  /** `address:port` of the client. */
  readonly remote: string;
  /** `address:port` that the client dialled. */
  readonly local: string;
  pauseReading(): void;
  resumeReading(): void;
  /** Bytes that now arrive belong to another protocol. */
  tunnel(): void;
  /** The answer is out. `reusable`: the connection may serve the next request. */
  exchangeEnded(reusable: boolean): void;
  /** The answer cannot be completed: the client must see that. */
  abort(): void;
}
