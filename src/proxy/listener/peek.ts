import type { Clock } from '../../async/clock.ts';
import type { Downstream } from '../data-plane.ts';
import { type ClientHello, readClientHello } from '../tls/client-hello.ts';
import { beginsTls } from './first-bytes.ts';
import { tell } from './tell.ts';

/** Tells whether a client that speaks first speaks TLS; one that says nothing does not. */
export function tellTls(
  downstream: Downstream,
  clock: Clock,
  then: { readonly tls: (downstream: Downstream) => void; readonly other: (downstream: Downstream) => void },
): void {
  const known = (seen: Buffer): boolean | null => (seen.length === 0 ? null : beginsTls(seen));
  tell(downstream, clock, known, (tls, told) => (tls === true ? then.tls(told) : then.other(told)));
}

/** Reads the TLS hello for its server name, changing nothing. `hello` is false for what is none, or not complete in time. */
export function readServerName(
  downstream: Downstream,
  clock: Clock,
  done: (downstream: Downstream, serverName: string | null, hello: boolean) => void,
): void {
  const known = (seen: Buffer): ClientHello | null => {
    if (seen.length === 0) return null;
    const hello = readClientHello(seen);
    return hello.kind === 'more' ? null : hello;
  };
  tell(downstream, clock, known, (hello, told) => {
    const serverName = hello?.kind === 'hello' ? hello.serverName : null;
    done({ ...told, serverName: serverName ?? '' }, serverName, hello?.kind === 'hello');
  });
}
