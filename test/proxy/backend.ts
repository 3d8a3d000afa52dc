/** Real servers and a raw client for data plane tests. */
import { createServer as createHttpServer, type IncomingMessage, type RequestListener } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { listen } from './data-plane-harness.ts';

export interface Backend extends AsyncDisposable {
  readonly port: number;
  /** Connections accepted so far. */
  readonly connections: () => number;
}

/** An HTTP server that answers as `listener` does. */
export async function startHttp(listener: RequestListener): Promise<Backend> {
  const server = createHttpServer({ keepAliveTimeout: 60_000 }, listener);
  let connections = 0;
  server.on('connection', () => connections++);
  const port = await listen(server);
  return {
    port,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

/** A server that does with sockets what `serve` says. `nth` counts connections from 1. */
export async function startRaw(serve: (socket: Socket, nth: number) => void): Promise<Backend> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer({ allowHalfOpen: true }, socket => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    serve(socket, ++connections);
  });
  const port = await listen(server);
  return {
    port,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

/** Sends `text` on a new connection and gives all that comes back until the other side ends. */
export async function exchangeRaw(port: number, text: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port });
  let got = '';
  socket.setEncoding('latin1');
  socket.on('data', part => {
    got += part;
  });
  socket.on('error', () => {});
  socket.write(text, 'latin1');
  await new Promise(resolve => socket.on('close', resolve));
  return got;
}

/** A GET whose connection is closed after the answer. */
export function get(path: string, ...lines: readonly string[]): string {
  return `GET ${path} HTTP/1.1\r\nHost: any\r\nConnection: close\r\n${lines.map(line => `${line}\r\n`).join('')}\r\n`;
}

export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0);
}

export function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf('\r\n\r\n') + 4);
}

/** Value of a header of a raw answer, `null` where it has none. */
export function headerOf(answer: string, name: string): string | null {
  return new RegExp(`^${name}: *(.*)$`, 'im').exec(answer.slice(0, answer.indexOf('\r\n\r\n')))?.[1]?.trimEnd() ?? null;
}

export async function readAll(message: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
