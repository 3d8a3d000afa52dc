/** Real clients for real requests. */
import { request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import * as grpc from '@grpc/grpc-js';
import { WebSocket } from 'ws';
import type { Entrance } from './conformance-mesh.ts';
import type { Seen } from './echo-app.ts';

/** What a client asks. */
export interface Asked {
  readonly method?: string;
  readonly host?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What it got. */
export interface Answer {
  /** 0: the connection broke. */
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly grpcStatus?: number;
  /** What the server said that it got; `null` where no server answered. */
  readonly seen: Seen | null;
}

/** No request takes longer. */
const patienceMs = 8000;

/** HTTP/1.1; with `sni` inside TLS whose certificate is not looked at. */
export function http(to: Entrance, asked: Asked, sni?: string): Promise<Answer> {
  return new Promise(resolve => {
    const { host = 'localhost', method = 'GET', path, headers = {} } = asked;
    // Without an agent of its own a request takes the connection that it is given.
    const way =
      sni === undefined
        ? { agent: false as const }
        : { createConnection: () => connectTls({ ...to, servername: sni, rejectUnauthorized: false }) };
    const written = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    const sent = request({ ...to, method, path, headers: { host, ...written }, timeout: patienceMs, ...way }, answer => {
      let body = '';
      answer.setEncoding('utf8').on('data', part => {
        body += part;
      });
      answer.on('close', () => resolve(answerOf(answer.complete ? (answer.statusCode ?? 0) : 0, answer.headers, body)));
    });
    sent.on('timeout', () => sent.destroy());
    sent.on('error', error => resolve(broken(error)));
    sent.end();
  });
}

/** HTTP/2 without TLS. */
export function http2(to: Entrance, asked: Asked): Promise<Answer> {
  return new Promise(resolve => {
    const session = connectHttp2(`http://${to.host}:${to.port}`);
    const fail = (error: Error): void => resolve(broken(error));
    session.on('error', fail);
    const { host = 'localhost', method = 'GET', path, headers = {} } = asked;
    const stream = session.request({ ':method': method, ':path': path, ':authority': host, ...headers });
    let got: Record<string, unknown> = {};
    let body = '';
    stream.setTimeout(patienceMs, () => stream.close());
    stream.setEncoding('utf8').on('response', fields => {
      got = fields;
    });
    stream.on('data', part => {
      body += part;
    });
    stream.on('error', fail);
    stream.on('close', () => {
      session.destroy();
      resolve(answerOf(Number(got[':status'] ?? 0), got, body));
    });
    stream.end();
  });
}

/** A unary gRPC call. */
export function grpcCall(to: Entrance, asked: Asked): Promise<Answer> {
  const { host, path, headers = {} } = asked;
  const client = new grpc.Client(`${to.host}:${to.port}`, grpc.credentials.createInsecure(), {
    ...(host === undefined ? {} : { 'grpc.default_authority': host }),
    'grpc.enable_retries': 0,
    'grpc.use_local_subchannel_pool': 1,
  });
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const same = (bytes: Buffer): Buffer => bytes;
  return new Promise(resolve => {
    const options = { deadline: Date.now() + patienceMs };
    client.makeUnaryRequest(path, same, same, Buffer.alloc(0), metadata, options, (error, answer) => {
      client.close();
      const grpcStatus = error === null ? 0 : error.code;
      const body = answer === undefined ? (error?.details ?? '') : answer.toString();
      resolve({ status: error === null ? 200 : 0, headers: {}, body, grpcStatus, seen: error === null ? seenIn(body) : null });
    });
  });
}

/** One line there, all that comes back; `null`: the connection was refused or closed without a word. */
export function tcp(to: Entrance): Promise<string | null> {
  return new Promise(resolve => {
    const socket = connectTcp(to);
    let got = '';
    socket.setEncoding('utf8').on('data', text => {
      got += text;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(got === '' ? null : got));
    socket.write('hello\n');
  });
}

/** Whether a TLS handshake for the name succeeds. */
export function handshake(to: Entrance, sni: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connectTls({ ...to, servername: sni, rejectUnauthorized: false });
    const over = (done: boolean): void => {
      socket.destroy();
      resolve(done);
    };
    socket.on('secureConnect', () => over(true));
    socket.on('error', () => over(false));
    socket.on('close', () => over(false));
  });
}

/** Opens a WebSocket, sends a text and bytes, and says whether both came back as they were. */
export function webSocket(
  to: Entrance,
  { host = 'localhost', path }: Asked,
): Promise<{ readonly status: number; readonly echoed: boolean }> {
  return new Promise(resolve => {
    const socket = new WebSocket(`ws://${to.host}:${to.port}${path}`, { headers: { host }, handshakeTimeout: patienceMs });
    const sent = ['Websocket Support!', Buffer.from([1, 2, 3, 4, 5, 6, 7])] as const;
    const got: unknown[] = [];
    socket.on('open', () => {
      for (const message of sent) socket.send(message);
    });
    socket.on('message', (data: Buffer, binary) => {
      got.push(binary ? data : data.toString());
      if (got.length < 2) return;
      socket.close();
      resolve({ status: 101, echoed: got[0] === sent[0] && sent[1].equals(got[1] as Buffer) });
    });
    socket.on('unexpected-response', (_asked, answer) => resolve({ status: answer.statusCode ?? 0, echoed: false }));
    socket.on('error', () => resolve({ status: 0, echoed: false }));
  });
}

function broken(error: Error): Answer {
  return { status: 0, headers: {}, body: error.message, seen: null };
}

function answerOf(status: number, fields: Readonly<Record<string, unknown>>, body: string): Answer {
  const headers = Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : String(value)]),
  );
  return { status, headers, body, seen: seenIn(headers['x-echo'] ?? '') };
}

function seenIn(text: string): Seen | null {
  return text.startsWith('{') ? (JSON.parse(text) as Seen) : null;
}
