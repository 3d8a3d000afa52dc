import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { createApiHandler } from '../../src/api/server.ts';
import type { MeshApi } from '../../src/api/types.ts';
import { WebFiles } from '../../src/api/web-files.ts';
import { createWebServer } from '../../src/api/web-server.ts';
import { createSecret, WebSessions } from '../../src/api/web-sessions.ts';
import { manualClock } from './manual-clock.ts';
import { partialApi } from './partial-api.ts';

/** The TCP face of an API that answers as told, on a free port of 127.0.0.1. */
export class WebApi implements AsyncDisposable {
  readonly clock = manualClock();
  readonly token = createSecret();
  readonly bugs: unknown[] = [];
  readonly server: Server;

  readonly sessions = new WebSessions(() => this.clock.now());

  private constructor(api: Partial<MeshApi>, stuckMs: number, folder: string | null) {
    const handle = createApiHandler(partialApi(api), { clock: this.clock, onBug: error => this.bugs.push(error) });
    const files = new WebFiles(folder);
    this.server = createWebServer({ handle, token: this.token, sessions: this.sessions, files, stuckMs });
  }

  /** `folder`: of the dashboard's files. */
  static async start(api: Partial<MeshApi>, stuckMs = 30_000, folder: string | null = null): Promise<WebApi> {
    const web = new WebApi(api, stuckMs, folder);
    web.server.listen(0, '127.0.0.1');
    await once(web.server, 'listening');
    return web;
  }

  get port(): number {
    const address = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    return address.port;
  }

  get bearer(): Readonly<Record<string, string>> {
    return { authorization: `Bearer ${this.token}` };
  }

  /** One request with exactly these lines of head; resolves to all that came until the end. `PORT` in it is the port. */
  async raw(lines: readonly string[], body = ''): Promise<{ readonly status: number; readonly text: string }> {
    const socket = connect(this.port, '127.0.0.1');
    const text = `${lines.join('\r\n')}\r\nconnection: close\r\n\r\n${body}`.replaceAll('PORT', String(this.port));
    socket.end(text, 'latin1');
    let answer = '';
    socket.setEncoding('latin1').on('data', (part: string) => {
      answer += part;
    });
    await once(socket, 'close');
    return { status: Number(answer.split(' ')[1]), text: answer };
  }

  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port}${path}`, { signal: AbortSignal.timeout(10_000), ...init });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    if (this.server.listening) await new Promise(resolve => this.server.close(resolve));
  }
}
