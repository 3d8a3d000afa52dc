import { ConnectionError, errorCode } from './error-code.ts';
import { maxFrameBytes, maxWindow } from './frame.ts';

/** Identifiers of settings. @see RFC 9113 §6.5.2, RFC 8441 §3 */
export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  enableConnectProtocol: 8,
} as const;

/** Window of a stream or connection before anybody said anything. */
export const defaultWindow = 65_535;
/** How much a peer may send us on one stream before we have handed it on. */
export const streamWindow: number = 256 * 1024;
/** The same for a connection. */
export const connectionWindow: number = 1024 * 1024;
/** More streams than this at once are refused with REFUSED_STREAM, so their sender may try again. */
export const maxConcurrentStreams = 100;
/** Names and values of one head. */
export const maxHeaderListBytes: number = 60 * 1024;

/** What the peer allows us. */
export class PeerSettings {
  headerTableSize = 4096;
  maxConcurrentStreams = 100;
  initialWindow = defaultWindow;
  maxFrame = maxFrameBytes;
  connectProtocol = false;

  /** Reads the payload of a SETTINGS frame. @throws ConnectionError for values that are out of range */
  read(bytes: Buffer, from: number, to: number): void {
    for (let p = from; p < to; p += 6) this.#set(bytes.readUInt16BE(p), bytes.readUInt32BE(p + 2));
  }

  #set(id: number, value: number): void {
    switch (id) {
      case setting.headerTableSize:
        this.headerTableSize = value;
        return;
      case setting.enablePush:
        if (value > 1) throw new ConnectionError(errorCode.protocolError, 'ENABLE_PUSH is neither 0 nor 1');
        return;
      case setting.maxConcurrentStreams:
        this.maxConcurrentStreams = value;
        return;
      case setting.initialWindowSize:
        if (value > maxWindow) throw new ConnectionError(errorCode.flowControlError, 'INITIAL_WINDOW_SIZE is too large');
        this.initialWindow = value;
        return;
      case setting.maxFrameSize:
        if (value < 16_384 || value > 16_777_215)
          throw new ConnectionError(errorCode.protocolError, 'MAX_FRAME_SIZE is out of range');
        // Larger frames of ours would let one stream hold up the others.
        return;
      case setting.enableConnectProtocol:
        if (value > 1 || (value === 0 && this.connectProtocol))
          throw new ConnectionError(errorCode.protocolError, 'ENABLE_CONNECT_PROTOCOL is improper');
        this.connectProtocol = value === 1;
        return;
      default:
    }
  }
}
