/** Real servers that say what they got: HTTP/1.1, HTTP/2 and WebSocket on one port, gRPC and raw TCP on others. */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import * as grpc from '@grpc/grpc-js';
import { WebSocketServer } from 'ws';

/** What a server got. */
export interface Seen {
  readonly service: string;
  readonly workload: string;
  readonly protocol: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  /** Lower-case names; several values of one name are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What a service does instead of answering well. */
export interface Behaviour {
  /** So many requests fail first … */
  failFirst: number;
  /** … with this status, or with a reset where it is 0. */
  readonly failStatus: number;
  readonly failAfterMs: number;
  readonly responseHeaders: Readonly<Record<string, string>>;
  /** Answered with 403. */
  readonly refuses?: (seen: Seen) => boolean;
}

/** The apps of one service. */
export class EchoService {
  readonly name: string;
  readonly seen: Seen[] = [];
  behaviour: Behaviour = { failFirst: 0, failStatus: 500, failAfterMs: 0, responseHeaders: {} };
  /** A server of no WebSockets answers such requests as all others. */
  refusesUpgrades = false;
  readonly #kept = new Set<Socket>();
  readonly #closers: (() => Promise<void>)[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** HTTP of both versions, and WebSocket echo. */
  async http(workload: string, host: string, port: number): Promise<void> {
    const plain = createHttpServer({ shouldUpgradeCallback: () => !this.refusesUpgrades }, (asked, answer) => {
      void this.#answer(workload, asked, answer);
    });
    const second = createHttp2Server((asked, answer) => void this.#answer(workload, asked, answer));
    const sockets = new WebSocketServer({ noServer: true });
    sockets.on('connection', socket => socket.on('message', (data, binary) => socket.send(data, { binary })));
    plain.on('upgrade', (asked: IncomingMessage, socket: Socket, rest: Buffer) => {
      this.seen.push(seenOf(this.name, workload, asked));
      sockets.handleUpgrade(asked, socket, rest, opened => sockets.emit('connection', opened, asked));
    });
    await this.#listen(host, port, socket =>
      socket.once('data', bytes => {
        socket.pause();
        socket.unshift(bytes);
        (bytes.toString('latin1', 0, 3) === 'PRI' ? second : plain).emit('connection', socket);
        process.nextTick(() => socket.resume());
      }),
    );
  }

  /** HTTP inside TLS, which is the app's own business. */
  async tls(workload: string, host: string, port: number, key: string, cert: string): Promise<void> {
    const plain = createHttpServer({ shouldUpgradeCallback: () => !this.refusesUpgrades }, (asked, answer) => {
      void this.#answer(workload, asked, answer);
    });
    const server = createTlsServer({ key, cert }, socket => plain.emit('connection', socket));
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
    this.#close(server);
  }

  /** Says its name to whoever connects and sends a line. */
  async tcp(workload: string, host: string, port: number): Promise<void> {
    await this.#listen(host, port, socket => socket.once('data', () => socket.end(`${workload}\n`)));
  }

  /** Every unary method of gRPC: the answer is what was seen, as JSON. */
  async grpc(workload: string, host: string, port: number): Promise<void> {
    const server = new grpc.Server();
    for (const definition of grpcServices.values()) {
      const handlers = Object.fromEntries(
        Object.entries(definition).map(([method, { path }]) => [
          method,
          (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
            const headers = call.metadata.getMap() as Readonly<Record<string, string>>;
            const values = Object.keys(headers).map(name => [name, call.metadata.get(name).join(',')] as const);
            const seen = { service: this.name, workload, protocol: 'HTTP/2.0', method: 'POST', host: call.getHost(), path };
            this.seen.push({ ...seen, headers: Object.fromEntries(values) });
            done(null, Buffer.from(JSON.stringify(this.seen.at(-1))));
          },
        ]),
      );
      server.addService(definition, handlers);
    }
    await new Promise<void>((resolve, reject) =>
      server.bindAsync(`${host}:${port}`, grpc.ServerCredentials.createInsecure(), error =>
        error === null ? resolve() : reject(error),
      ),
    );
    this.#closers.push(async () => server.forceShutdown());
  }

  /** Ends kept connections: a server that breaks one of those off is asked again, as it may have been about to close it (RFC 9110 section 9.2.2). */
  async forget(): Promise<void> {
    for (const socket of this.#kept) socket.destroy();
    while (this.#kept.size > 0) await new Promise(resolve => setImmediate(resolve));
  }

  async close(): Promise<void> {
    await Promise.all(this.#closers.map(close => close()));
  }

  async #listen(host: string, port: number, serve: (socket: Socket) => void): Promise<void> {
    const server = createServer({ noDelay: true }, socket => {
      socket.on('error', () => {});
      this.#kept.add(socket);
      socket.on('close', () => this.#kept.delete(socket));
      serve(socket);
    });
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
    this.#close(server);
  }

  #close(server: NetServer): void {
    const open = new Set<Socket>();
    server.on('connection', socket => {
      open.add(socket);
      socket.on('close', () => open.delete(socket));
    });
    this.#closers.push(() => {
      for (const socket of open) socket.destroy();
      return new Promise(resolve => server.close(() => resolve()));
    });
  }

  async #answer(
    workload: string,
    asked: IncomingMessage | Http2ServerRequest,
    answer: ServerResponse | Http2ServerResponse,
  ): Promise<void> {
    const seen = seenOf(this.name, workload, asked);
    this.seen.push(seen);
    for await (const _ of asked);
    const { behaviour } = this;
    if (behaviour.failFirst > 0) {
      behaviour.failFirst--;
      if (behaviour.failAfterMs > 0) await new Promise(resolve => setTimeout(resolve, behaviour.failAfterMs));
      if (behaviour.failStatus === 0) {
        if ('stream' in answer) answer.stream.close();
        else asked.socket.destroy();
        return;
      }
      answer.statusCode = behaviour.failStatus;
    }
    if (behaviour.refuses?.(seen) === true) answer.statusCode = 403;
    // The suite's own way to ask for a slow server.
    const delay = /[?&]delay=(\d+)s/.exec(seen.path)?.[1];
    if (delay !== undefined) await new Promise(resolve => setTimeout(resolve, Number(delay) * 1000));
    for (const [name, value] of Object.entries(behaviour.responseHeaders)) answer.setHeader(name, value);
    answer.setHeader('content-type', 'application/json');
    answer.setHeader('x-echo', JSON.stringify(seen));
    answer.end(JSON.stringify(seen));
  }
}

/** Methods that the gRPC apps have. */
export const grpcPaths = [
  ...['Echo', 'EchoTwo', 'EchoThree'].map(method => `/gateway_api_conformance.echo_basic.grpcecho.GrpcEcho/${method}`),
  '/proto.EchoTestService/Echo',
];

const same = (bytes: Buffer): Buffer => bytes;
const raw = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
const grpcServices = new Map<string, Record<string, grpc.MethodDefinition<Buffer, Buffer>>>();
for (const path of grpcPaths) {
  const [, service = '', method = ''] = path.split('/');
  const definition = { path, requestStream: false, responseStream: false, ...raw };
  grpcServices.set(service, { ...grpcServices.get(service), [method]: definition });
}

function seenOf(service: string, workload: string, asked: IncomingMessage | Http2ServerRequest): Seen {
  const headers: Record<string, string> = {};
  for (let i = 0; i < asked.rawHeaders.length; i += 2) {
    const name = asked.rawHeaders[i]?.toLowerCase() ?? '';
    const value = asked.rawHeaders[i + 1] ?? '';
    headers[name] = headers[name] === undefined ? value : `${headers[name]},${value}`;
  }
  const protocol = `HTTP/${asked.httpVersion}`;
  const host = headers[':authority'] ?? headers.host ?? '';
  return { service, workload, protocol, method: asked.method ?? '', host, path: asked.url ?? '', headers };
}
