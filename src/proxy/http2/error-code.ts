/** Why a stream or a connection ends. @see RFC 9113 §7 */
export const errorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
} as const;

/** The connection cannot go on: thrown where a frame is read, answered with GOAWAY. */
export class ConnectionError extends Error {
  readonly code: number;

  /** `code`: one of `errorCode`. */
  constructor(code: number, reason: string) {
    super(reason);
    this.code = code;
  }
}
