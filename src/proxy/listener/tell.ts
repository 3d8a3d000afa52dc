import type { Clock } from '../../async/clock.ts';
import type { Downstream, TcpUpstream } from '../data-plane.ts';
import { EarlyUpstream } from '../tcp/early-upstream.ts';
import type { StreamReader } from '../transport/byte-stream.ts';
import { kept } from '../transport/read-buffer.ts';

/** A client silent for this long may wait for the server to speak first. MySQL clients feel every millisecond of it. */
const silenceMs = 100;
/** Where nobody can be dialled for the client, it has this long to say something. */
const firstByteMs = 10_000;

/** Whoever listens to a stream that is going to be somebody else's. */
export const nobody: StreamReader = { bytes() {}, ended() {}, drained() {}, closed() {} };

/**
 * Reads what a client says first until `known` knows what it is (`null`: not yet) and hands the connection on, its stream paused. `kind` is `null` where
 * that is never known: the server spoke first (`early`: dialled for this, to be used or dropped), or the client did not say enough in ten seconds.
 * Silence proves nothing: on a busy machine a client may be late, and taken for another one it would go past every rule. So the server is dialled then, and
 * whoever speaks first decides. A connection that ends before is destroyed instead.
 * @param dial the server's raw TCP; `null` where the caller may not have it. Not given: no server would speak first
 */
export function tell<K extends string | boolean | object>(
  downstream: Downstream,
  clock: Clock,
  known: (seen: Buffer) => K | null,
  told: (kind: K | null, downstream: Downstream, early: EarlyUpstream | null) => void,
  dial?: () => TcpUpstream | null,
): void {
  const { stream } = downstream;
  let seen = downstream.initial;
  let early: EarlyUpstream | null = null;
  const first = known(seen);
  if (first !== null) {
    told(first, downstream, null);
    return;
  }
  const stop = (): void => {
    cancel();
    stream.pause();
    stream.readBy(nobody);
  };
  const settle = (kind: K | null): void => {
    stop();
    told(kind, { ...downstream, initial: seen }, early);
  };
  const gone = (): void => {
    stop();
    early?.drop();
    stream.destroy();
  };
  const unknown = (): void => settle(null);
  const onSilence = (): void => {
    const upstream = dial?.() ?? null;
    if (upstream === null) {
      cancel = clock.after(firstByteMs, unknown);
      return;
    }
    early = new EarlyUpstream(upstream, unknown);
    early.dial();
  };
  let cancel = clock.after(dial === undefined ? firstByteMs : silenceMs, dial === undefined ? unknown : onSilence);
  stream.readBy({
    bytes(bytes, from, to) {
      const part = kept(bytes, from, to);
      seen = seen.length === 0 ? part : Buffer.concat([seen, part]);
      const kind = known(seen);
      if (kind !== null) settle(kind);
    },
    ended: gone,
    drained() {},
    closed: gone,
  });
  stream.resume();
}
