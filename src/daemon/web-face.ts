import { rm } from 'node:fs/promises';
import type { RequestListener, Server } from 'node:http';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { MeshError } from '../api/mesh-error.ts';
import type { WebFiles } from '../api/web-files.ts';
import { createWebServer } from '../api/web-server.ts';
import { createSecret, WebSessions } from '../api/web-sessions.ts';
import type { Clock } from '../async/clock.ts';
import { writeAtomically } from './state-folder.ts';

/** No other address, ever: containers and the network do not reach these. */
const loopback = ['127.0.0.1', '::1'];
/** A free port of one family may be taken in the other. */
const attempts = 8;

/** The admin API on TCP. */
export interface WebFace {
  /** `http://127.0.0.1:15000` */
  readonly url: string;
  /** A code that logs one page in, within a minute. */
  createCode(): string;
  /** Ends it and forgets the token. */
  close(): Promise<void>;
}

/** Where the token of a state folder lies: 0600, new with every daemon. */
export function tokenFile(stateDir: string): string {
  return join(stateDir, 'api-token');
}

/** Opens the API on loopback. `port`: 0 is any free one. @throws MeshError `port-taken` */
export async function openWebFace(
  handle: RequestListener,
  {
    stateDir,
    port,
    clock,
    files,
  }: { readonly stateDir: string; readonly port: number; readonly clock: Clock; readonly files: WebFiles },
): Promise<WebFace> {
  const token = createSecret();
  const sessions = new WebSessions(() => clock.now());
  const servers = loopback.map(() => createWebServer({ handle, token, sessions, files }));
  const bound = await listenAll(servers, port);
  try {
    await writeAtomically(tokenFile(stateDir), `${token}\n`);
  } catch (error) {
    closeAll(servers);
    throw error;
  }
  return {
    url: `http://127.0.0.1:${bound}`,
    createCode: () => sessions.createCode(),
    async close() {
      closeAll(servers);
      await rm(tokenFile(stateDir), { force: true });
    },
  };
}

/** Both families on one port: `localhost` may be either, and somebody else's answer there would be given the token. */
async function listenAll(servers: readonly Server[], port: number): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    let bound = port;
    try {
      for (const [index, host] of loopback.entries()) bound = (await listen(servers[index], host, bound)) ?? bound;
      return bound;
    } catch (error) {
      closeAll(servers);
      if (codeOf(error) !== 'EADDRINUSE' && codeOf(error) !== 'EACCES') throw error;
      if (port === 0 && attempt < attempts) continue;
      const why = codeOf(error) === 'EACCES' ? 'may not be used by this user' : 'is taken';
      throw new MeshError('port-taken', `port ${bound} of the admin API ${why}`, 'choose another; 0 takes a free one');
    }
  }
}

/** The port, `null` where the machine does not have the family. */
function listen(server: Server | undefined, host: string, port: number): Promise<number | null> {
  return new Promise((resolve, reject) => {
    if (server === undefined) return resolve(null);
    const onError = (error: Error): void => {
      if (isIPv6(host) && /EADDRNOTAVAIL|EAFNOSUPPORT|EINVAL/.test(codeOf(error))) resolve(null);
      else reject(error);
    };
    server.once('error', onError);
    server.listen({ host, port, ipv6Only: isIPv6(host) }, () => {
      server.off('error', onError);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function closeAll(servers: readonly Server[]): void {
  for (const server of servers) {
    server.close();
    // Answers under way, that to `stop` among them, end by themselves.
    server.closeIdleConnections();
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
