import type { Clock } from '../../async/clock.ts';
import type { Downstream } from '../data-plane.ts';
import { readClientHello } from '../tls/client-hello.ts';
import type { StreamReader } from '../transport/byte-stream.ts';
import { kept } from '../transport/read-buffer.ts';
import { beginsTls } from './first-bytes.ts';

/** Whoever connects has this long to say what it wants; the same as for peers. */
const waitMs = 10_000;
const nobody: StreamReader = { bytes() {}, ended() {}, drained() {}, closed() {} };

/**
 * Reads until there is `enough`, at most ten seconds, and hands the connection on with what was read, its stream paused. A connection that ends before is
 * destroyed instead.
 */
function peek(
  downstream: Downstream,
  clock: Clock,
  enough: (seen: Buffer) => boolean,
  done: (downstream: Downstream) => void,
): void {
  const { stream } = downstream;
  let seen = downstream.initial;
  if (enough(seen)) {
    done(downstream);
    return;
  }
  const settle = (): void => {
    cancel();
    stream.pause();
    done({ ...downstream, initial: seen });
  };
  const gone = (): void => {
    cancel();
    stream.readBy(nobody);
    stream.destroy();
  };
  const cancel = clock.after(waitMs, settle);
  stream.readBy({
    bytes(bytes, from, to) {
      const part = kept(bytes, from, to);
      seen = seen.length === 0 ? part : Buffer.concat([seen, part]);
      if (enough(seen)) settle();
    },
    ended: gone,
    drained() {},
    closed: gone,
  });
  stream.resume();
}

/** Tells whether a client that speaks first speaks TLS; one that says nothing does not. */
export function tellTls(
  downstream: Downstream,
  clock: Clock,
  then: { readonly tls: (downstream: Downstream) => void; readonly other: (downstream: Downstream) => void },
): void {
  peek(
    downstream,
    clock,
    seen => seen.length > 0,
    told => (beginsTls(told.initial) ? then.tls(told) : then.other(told)),
  );
}

/** Reads the TLS hello for its server name, changing nothing. `hello` is false for what is none, or not complete in time. */
export function readServerName(
  downstream: Downstream,
  clock: Clock,
  done: (downstream: Downstream, serverName: string | null, hello: boolean) => void,
): void {
  peek(
    downstream,
    clock,
    seen => seen.length > 0 && readClientHello(seen).kind !== 'more',
    told => {
      const hello = readClientHello(told.initial);
      const serverName = hello.kind === 'hello' ? hello.serverName : null;
      done({ ...told, serverName: serverName ?? '' }, serverName, hello.kind === 'hello');
    },
  );
}
