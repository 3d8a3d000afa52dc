import type { Clock } from '../../async/clock.ts';
import type { Downstream, TcpUpstream } from '../data-plane.ts';
import { EarlyUpstream } from '../tcp/early-upstream.ts';
import type { StreamReader } from '../transport/byte-stream.ts';
import { kept } from '../transport/read-buffer.ts';

/** A client silent for this long may wait for the server to speak first. MySQL clients feel every millisecond of it. */
const silenceMs = 100;
/** Where nobody can be dialled for the client, it has this long to say something. */
const firstByteMs = 10_000;
/** The longest method that is believed, with its space. */
const enough = 24;

/** Whether the first bytes of a connection can be an HTTP/1 request; `null` when there are too few to say. */
export function looksLikeHttp(bytes: Buffer): boolean | null {
  const line = bytes.toString('latin1', 0, enough);
  if (/^[A-Z-]{1,23} /.test(line)) return true;
  return /^[A-Z-]*$/.test(line) && line.length < enough ? null : false;
}

const nobody: StreamReader = { bytes() {}, ended() {}, drained() {}, closed() {} };

/** What becomes of a connection; one of the two is called, once. */
export interface Sniffed {
  readonly http: (downstream: Downstream) => void;
  /** `early`: dialled already, to be used instead of a new upstream. */
  readonly tcp: (downstream: Downstream, early: TcpUpstream | null) => void;
}

/**
 * Tells by the first bytes what a connection speaks, for ports of which nobody said it. Silence proves nothing: on a busy machine a request may come
 * late, and taken for raw TCP it would go past every route. So the server is dialled then, and whoever speaks first decides.
 * The stream is handed on paused; a connection that ends before is destroyed instead.
 * @param dial the upstream for raw TCP; `null` where the caller may not have one
 */
export function sniff(downstream: Downstream, clock: Clock, dial: () => TcpUpstream | null, then: Sniffed): void {
  const { stream } = downstream;
  let seen = downstream.initial;
  let early: EarlyUpstream | null = null;
  const known = looksLikeHttp(seen);
  if (known !== null) {
    if (known) then.http(downstream);
    else then.tcp(downstream, null);
    return;
  }
  const stop = (): void => {
    cancel();
    stream.pause();
  };
  const toHttp = (): void => {
    stop();
    early?.drop();
    then.http({ ...downstream, initial: seen });
  };
  const toTcp = (): void => {
    stop();
    then.tcp({ ...downstream, initial: seen }, early);
  };
  const gone = (): void => {
    stop();
    early?.drop();
    stream.readBy(nobody);
    stream.destroy();
  };
  const onSilence = (): void => {
    const upstream = dial();
    if (upstream === null) {
      cancel = clock.after(firstByteMs, toTcp);
      return;
    }
    early = new EarlyUpstream(upstream, toTcp);
    early.dial();
  };
  let cancel = clock.after(silenceMs, onSilence);
  stream.readBy({
    bytes(bytes, from, to) {
      const part = kept(bytes, from, to);
      seen = seen.length === 0 ? part : Buffer.concat([seen, part]);
      const http = looksLikeHttp(seen);
      if (http === true) toHttp();
      else if (http === false) toTcp();
    },
    ended: gone,
    drained() {},
    closed: gone,
  });
  stream.resume();
}
