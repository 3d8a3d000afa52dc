/** Clients in the place of apps: one call each, resolved to what went wrong, `null` for nothing. */
import { Agent, request } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';

/** Where to call. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** HTTP/1 with connections that are kept. */
export class Http1Caller implements Disposable {
  readonly #agent = new Agent({ keepAlive: true });

  call({ host, port }: Target, name: string): Promise<string | null> {
    return new Promise(resolve => {
      const sent = request({ host, port, agent: this.#agent, headers: { host: name } }, answer => {
        answer.resume().on('end', () => {
          const flags = answer.headers['x-envoy-response-flags'] ?? '';
          resolve(answer.statusCode === 200 ? null : `${name}: status ${answer.statusCode} ${String(flags)}`);
        });
        answer.on('error', error => resolve(`${name}: ${error.message}`));
      });
      sent.on('error', error => resolve(`${name}: ${error.message}`));
      sent.end();
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

/** HTTP/2 on one connection, another one when that is to end. */
export class Http2Caller implements Disposable {
  #session: ClientHttp2Session | null = null;

  call({ host, port }: Target, name: string): Promise<string | null> {
    if (this.#session === null || this.#session.closed || this.#session.destroyed) {
      const session = connectHttp2(`http://${host}:${port}`);
      session.on('error', () => {});
      session.on('goaway', () => {
        if (this.#session === session) this.#session = null;
        session.close();
      });
      this.#session = session;
    }
    const stream = this.#session.request({ ':path': '/', ':authority': name });
    return new Promise(resolve => {
      let status = 0;
      stream.on('response', headers => {
        status = Number(headers[':status']);
      });
      stream.on('error', error => resolve(`${name}: ${error.message}`));
      stream.on('close', () => resolve(status === 200 ? null : `${name}: status ${status}`));
      stream.resume();
    });
  }

  [Symbol.dispose](): void {
    this.#session?.destroy();
  }
}

/** One raw connection with an echo: opened, used, closed properly. */
export function echoOnce({ host, port }: Target, text = 'a line of text'): Promise<string | null> {
  return new Promise(resolve => {
    const socket = connect({ host, port, allowHalfOpen: true });
    let got = '';
    socket.on('data', chunk => {
      got += chunk;
    });
    socket.on('error', error => resolve(`echo: ${error.message}`));
    socket.on('close', () => resolve(got === text ? null : `echo: got ${got.length} of ${text.length} bytes`));
    socket.on('end', () => socket.end());
    socket.end(text);
  });
}

/** A raw connection that stays: `say` resolves when its text has come back, and to what went wrong. */
export class LongTalk implements Disposable {
  readonly #socket: Socket;
  #waiting: { readonly left: number; readonly resolve: (problem: string | null) => void } | null = null;
  #ended: string | null = null;

  constructor({ host, port }: Target) {
    this.#socket = connect({ host, port });
    this.#socket.on('data', chunk => {
      const left = (this.#waiting?.left ?? 0) - chunk.length;
      if (this.#waiting === null) return;
      const { resolve } = this.#waiting;
      this.#waiting = left > 0 ? { left, resolve } : null;
      if (left <= 0) resolve(null);
    });
    this.#socket.on('error', error => this.#end(error.message));
    this.#socket.on('close', () => this.#end('closed'));
  }

  /** Whether it is over. */
  get ended(): boolean {
    return this.#ended !== null;
  }

  say(text: string): Promise<string | null> {
    return new Promise(resolve => {
      if (this.#ended !== null) resolve(`talk: ${this.#ended}`);
      else {
        this.#waiting = { left: text.length, resolve };
        this.#socket.write(text);
      }
    });
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #end(reason: string): void {
    this.#ended ??= reason;
    this.#waiting?.resolve(`talk: ${this.#ended}`);
    this.#waiting = null;
  }
}
