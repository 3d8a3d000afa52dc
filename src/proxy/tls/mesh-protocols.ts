import { tunnelProtocol } from '../transport/tunnel/frame.ts';
import type { ClientHello } from './client-hello.ts';

/** ALPN of a connection between sidecars that is one stream of bytes. */
export const streamProtocol = 'mesh-stream';

/** What sidecars offer each other by ALPN, each connection one of them at least: on ports that take other TLS too, it tells theirs from an app's. */
export const meshProtocols: readonly string[] = [tunnelProtocol, streamProtocol];

/** Whether a client is a sidecar, as far as its hello says: its certificate is judged in the handshake. */
export function isMeshHello(hello: ClientHello): boolean {
  return hello.kind === 'hello' && hello.protocols.some(name => meshProtocols.includes(name));
}
