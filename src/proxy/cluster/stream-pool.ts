import type { ConnectFailure } from '../data-plane.ts';
import type { UpstreamStream } from '../exchange/upstream-stream.ts';
import type { ByteStream } from '../transport/byte-stream.ts';

/** Takes the stream that was asked for. */
export type OnStream = (stream: UpstreamStream) => void;
/** `overflow`: a limit of the cluster. */
export type OnFailed = (failure: ConnectFailure | 'overflow', detail: string) => void;

/** Opens a connection to the pool's endpoint. Calls exactly one callback, once, never before it has returned. The returned function gives up. */
export type Connect = (
  onConnected: (stream: ByteStream) => void,
  onFailed: (failure: ConnectFailure, detail: string) => void,
) => () => void;

/** The connections to one endpoint in one version of HTTP. */
export interface StreamPool {
  /**
   * A stream for one request; exactly one callback is called, once, perhaps before this returns, unless given up by the returned function. `fresh`: not on a
   * connection that was idle.
   */
  open(onStream: OnStream, onFailed: OnFailed, fresh: boolean): () => void;
  /** Ends idle connections now and busy ones as soon as they are not. */
  close(): void;
}
