import type { BodyLength } from '../http1/framing.ts';
import type { ResponseHead } from '../http1/response-head.ts';

/**
 * Why an answer did not come to its end. `closed`: the server ended the connection; `refused`: it did nothing about the request (HTTP/2 REFUSED_STREAM, or
 * not taken after GOAWAY); `protocol`: it sent something that is not a proper answer.
 */
export type UpstreamLoss = 'closed' | 'reset' | 'refused' | 'protocol' | 'head-too-large';

/** A request as it goes to a server of any HTTP version. The object is the caller's and used again: codecs read it during `send` only. */
export interface OutgoingRequest {
  readonly method: string;
  /** Request line and field lines in canonical form, without the empty line; no framing or connection fields. */
  readonly head: string;
  /** `chunkedBody`: untold. 0: there is none; `end` is called all the same. */
  readonly body: BodyLength;
  /** A WebSocket handshake. */
  readonly upgrade: boolean;
  /** The client takes trailers (TE: trailers). */
  readonly trailersWelcome: boolean;
}

/** One request on its way to a server: a whole HTTP/1 connection for as long as the exchange lasts, or a stream of an HTTP/2 connection. */
export interface UpstreamStream {
  /** A kept connection: it may have gone stale unnoticed. */
  readonly reused: boolean;
  /** Any byte came for this request. */
  readonly answered: boolean;
  /** No room for more: wait for `ResponseHandler.upstreamDrained`. */
  readonly full: boolean;
  /** The request's head; the codec frames the body. `lines`: whole lines to add. */
  send(request: OutgoingRequest, lines: string, handler: ResponseHandler): void;
  /** Data of the body, or of the other protocol in a tunnel; valid only during the call. */
  piece(bytes: Buffer, from: number, to: number): void;
  /** Canonical lines; `end` follows. */
  trailers(lines: string): void;
  /** The request is complete. */
  end(): void;
  /** Everything of this turn has been said. */
  flush(): void;
  /** Pieces come to a halt (a few may still come). */
  pause(): void;
  resume(): void;
  /** Ends our side of the tunnel. After both sides' end the stream goes away by itself. */
  endTunnel(): void;
  /** Gives up: the handler hears nothing more. HTTP/1: the connection is destroyed; HTTP/2: RST_STREAM CANCEL. Harmless after the end. */
  cancel(): void;
}

/** Takes a server's answer. Calls never come from within `send`. */
export interface ResponseHandler {
  /** 1xx but 101. */
  interim(head: ResponseHead): void;
  /** From here on pieces are bytes of the other protocol. Only after a request with `upgrade`. */
  tunnelOpened(head: ResponseHead): void;
  /** `head.body` is what is to come: 0 where the request or status allows none. Returns `false` when it has cancelled the stream. */
  response(head: ResponseHead): boolean;
  piece(bytes: Buffer, from: number, to: number): void;
  /** Canonical lines; `responseEnded` follows. */
  trailers(lines: string): void;
  /**
   * The whole answer was read; the stream has already gone back to its pool, or away: the handler must let go of it. In a tunnel: the server has ended its
   * side, and the stream still takes pieces until `endTunnel` or `cancel`.
   */
  responseEnded(): void;
  /** Once, instead of `responseEnded`; the stream is gone. In a tunnel it may come after `responseEnded`. */
  responseLost(loss: UpstreamLoss): void;
  /** All input of this turn has been handed on. */
  turnEnded(): void;
  /** The stream takes pieces again. */
  upstreamDrained(): void;
}
