/** Our two ends of HTTP/2 over real sockets, with an app that answers at once, for tests against node:http2 and against each other. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Clock } from '../../../src/async/clock.ts';
import { systemClock } from '../../../src/async/clock.ts';
import { Deadlines } from '../../../src/async/deadline.ts';
import { createRandom } from '../../../src/async/random.ts';
import type { ExchangeClient } from '../../../src/proxy/exchange/exchange-client.ts';
import type { ExchangeRole } from '../../../src/proxy/exchange/exchange-role.ts';
import { type Failure, localReplies } from '../../../src/proxy/exchange/failure.ts';
import type { RequestHead } from '../../../src/proxy/http1/request-head.ts';
import { ResponseHead } from '../../../src/proxy/http1/response-head.ts';
import { ClientConnection } from '../../../src/proxy/http2/client-connection.ts';
import { ServerConnection, type ServerParts } from '../../../src/proxy/http2/server-connection.ts';
import type { StreamExchange } from '../../../src/proxy/http2/server-stream.ts';
import { SocketStream } from '../../../src/proxy/transport/socket-stream.ts';

/** What an app does with one request; answers whole. */
export type Answer = (request: AppRequest, client: ExchangeClient) => void;

/** A request as the app saw it. */
export interface AppRequest {
  readonly head: string;
  readonly method: string;
  readonly target: string;
  readonly body: Buffer;
  readonly trailers: string;
}

/** Collects a request and answers it; keeps what it was told for the test. */
export class AppExchange implements StreamExchange {
  active = false;
  paused = 0;
  readonly #client: ExchangeClient;
  readonly #answer: Answer;
  readonly #seen: string[];
  #head = '';
  #method = '';
  #target = '';
  #pieces: Buffer[] = [];
  #trailers = '';

  constructor(client: ExchangeClient, answer: Answer, seen: string[]) {
    this.#client = client;
    this.#answer = answer;
    this.#seen = seen;
  }

  begin(head: RequestHead): void {
    this.active = true;
    this.#head = head.forward(0, '');
    this.#method = head.method;
    this.#target = head.target;
    this.#pieces = [];
    this.#trailers = '';
    this.#seen.push(`begin ${head.method} ${head.target}`);
  }

  refuse(failure: Failure): void {
    this.active = false;
    this.#seen.push(`refuse ${failure}`);
    this.#client.reply(localReplies[failure], '');
    this.#client.exchangeEnded();
  }

  requestPiece(bytes: Buffer, from: number, to: number): void {
    this.#pieces.push(Buffer.from(bytes.subarray(from, to)));
  }

  requestTrailers(lines: string): void {
    this.#trailers = lines;
  }

  requestEnded(): void {
    const request = {
      head: this.#head,
      method: this.#method,
      target: this.#target,
      body: Buffer.concat(this.#pieces),
      trailers: this.#trailers,
    };
    this.#seen.push(`ended ${request.body.length}`);
    this.#answer(request, this.#client);
    this.active = false;
    this.#client.exchangeEnded();
  }

  flushRequest(): void {}
  clientDrained(): void {
    this.#seen.push('drained');
  }
  clientEnded(): void {}

  clientBroke(failure: Failure): void {
    this.#seen.push(`broke ${failure}`);
    this.active = false;
    this.#client.reply(localReplies[failure], '');
    this.#client.exchangeEnded();
  }

  goAway(): void {}

  cutTunnel(): void {}
  cutOff(): void {}

  clientGone(): void {
    this.active = false;
    this.#seen.push('gone');
  }
}

/** Sends an answer written as HTTP/1 text. */
export function answerWith(client: ExchangeClient, head: string, body: Buffer, trailers = ''): void {
  const response = new ResponseHead();
  const bytes = Buffer.from(`${head}\r\n`, 'latin1');
  if (response.read(bytes, 0, bytes.length) !== bytes.length) throw new Error(`not a head: ${head}`);
  client.answer(response, 0, '', body.length === 0 && trailers === '' ? 0 : -1);
  if (body.length > 0) client.piece(body, 0, body.length);
  if (trailers !== '') client.trailers(trailers);
  client.end();
  client.flush();
}

const role = { keepAliveMs: 60_000 } as ExchangeRole;

/** A server of ours. */
export interface OwnServer extends AsyncDisposable {
  readonly port: number;
  readonly connections: Set<ServerConnection>;
  /** What exchanges were told, in order. */
  readonly seen: string[];
  readonly bugs: unknown[];
  /** Connections that have ended. */
  closed(): number;
}

export async function startServer(
  answer: Answer,
  options: { readonly clock?: Clock; readonly exchange?: ServerParts['exchange'] } = {},
): Promise<OwnServer> {
  const clock = options.clock ?? systemClock;
  const seen: string[] = [];
  const bugs: unknown[] = [];
  const connections = new Set<ServerConnection>();
  const sockets = new Set<Socket>();
  let closed = 0;
  const parts: ServerParts = {
    clock,
    deadlines: new Deadlines(clock),
    random: createRandom(3),
    guard(client, act) {
      try {
        act();
      } catch (error) {
        bugs.push(error);
        client.abort();
      }
    },
    exchange: options.exchange ?? (client => new AppExchange(client, answer, seen)),
  };
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, socket => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const downstream = {
      stream: new SocketStream(socket),
      initial: Buffer.alloc(0),
      remoteAddress: '127.0.0.1',
      remotePort: 1,
      localAddress: '127.0.0.1',
      localPort: 80,
      peer: null,
    };
    connections.add(
      new ServerConnection(downstream as never, role, parts, connection => {
        closed++;
        connections.delete(connection);
      }),
    );
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    connections,
    seen,
    bugs,
    closed: () => closed,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

/** A client of ours, connected. */
export async function connectClient(port: number): Promise<{ client: ClientConnection; events: string[]; bugs: unknown[] }> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  const events: string[] = [];
  const bugs: unknown[] = [];
  const client = new ClientConnection(
    new SocketStream(socket),
    'http',
    { now: () => performance.now(), onBug: error => bugs.push(error) },
    {
      idle: () => events.push('idle'),
      freed: () => {},
      closed: () => events.push('closed'),
    },
  );
  return { client, events, bugs };
}
