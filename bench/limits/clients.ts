import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** Clients that are held open until they are let go. */
export interface Held {
  /** How many are open. */
  readonly open: number;
  letGo(): void;
}

const upgrade = (path: string): string =>
  `GET ${path} HTTP/1.1\r\nHost: app\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n`;

function held(sockets: readonly Socket[]): Held {
  return {
    get open() {
      return sockets.filter(socket => !socket.destroyed).length;
    },
    letGo() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

function dial(port: number): Socket {
  return connect(port, '127.0.0.1').on('error', () => {});
}

const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]);
const frame = (type: number, flags: number, id: number, payload: Buffer): Buffer => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
};
const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** What an HTTP/2 client says that opens all windows as far as they go. */
function greedyHttp2(path: string, streams: number, grpc: boolean): Buffer {
  const literals = [
    Buffer.from([grpc ? 0x83 : 0x82, 0x86, 0x04]),
    text(path),
    Buffer.from([0x01]),
    text('app'),
    ...(grpc ? [Buffer.from([0x0f, 0x10]), text('application/grpc'), Buffer.from([0x00]), text('te'), text('trailers')] : []),
  ];
  const settings = Buffer.concat([Buffer.from([0, 4]), word(0x7fffffff)]);
  return Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frame(4, 0, 0, settings),
    frame(8, 0, 0, word(0x7fff0000)),
    ...Array.from({ length: streams }, (_, at) => frame(1, 5, 2 * at + 1, Buffer.concat(literals))),
  ]);
}

/** Asks for `bytes` on each of `count` connections and reads no more than the beginning. */
export function slowReaders(
  port: number,
  kind: 'HTTP/1.1' | 'HTTP/2' | 'gRPC' | 'WebSocket' | 'TCP',
  count: number,
  bytes: number,
  streams = 1,
): Held {
  return held(
    Array.from({ length: count }, () => {
      const socket = dial(port);
      if (kind === 'HTTP/1.1') socket.write(`GET /${bytes} HTTP/1.1\r\nHost: app\r\n\r\n`);
      else if (kind === 'WebSocket') socket.write(upgrade(`/${bytes}`));
      else if (kind === 'TCP') socket.write(`${bytes}\n`);
      else socket.write(greedyHttp2(`/${bytes}`, streams, kind === 'gRPC'));
      socket.once('data', () => socket.pause());
      return socket;
    }),
  );
}

const piece = Buffer.alloc(64 * 1024, 120);

/** Sends without end, as fast as it is taken, to a server that does not read; the bytes that left are counted. */
export function uploads(
  port: number,
  kind: 'HTTP/1.1' | 'HTTP/2' | 'gRPC' | 'WebSocket' | 'TCP',
  count: number,
): Held & { readonly left: number } {
  let left = 0;
  if (kind === 'HTTP/2' || kind === 'gRPC') {
    const sessions = Array.from({ length: count }, () => {
      const session = connectHttp2(`http://127.0.0.1:${port}`);
      session.on('error', () => {});
      const stream = session.request({
        ':method': 'POST',
        ':path': '/sink',
        ...(kind === 'gRPC' ? { 'content-type': 'application/grpc', te: 'trailers' } : {}),
      });
      stream.on('error', () => {});
      const more = (): void => {
        do left += piece.length;
        while (stream.write(piece));
      };
      stream.on('drain', more);
      more();
      return session;
    });
    return {
      get open() {
        return sessions.filter(session => !session.closed).length;
      },
      get left() {
        return left;
      },
      letGo() {
        for (const session of sessions) session.destroy();
      },
    };
  }
  const sockets = Array.from({ length: count }, () => {
    const socket = dial(port);
    if (kind === 'HTTP/1.1') socket.write('POST /sink HTTP/1.1\r\nHost: app\r\nContent-Length: 100000000000\r\n\r\n');
    else if (kind === 'WebSocket') socket.write(upgrade('/sink'));
    else socket.write('sink\n');
    const more = (): void => {
      do left += piece.length;
      while (!socket.destroyed && socket.write(piece));
    };
    socket.on('drain', more);
    if (kind === 'WebSocket') socket.once('data', more);
    else socket.once('connect', more);
    return socket;
  });
  const all = held(sockets);
  return {
    get open() {
      return all.open;
    },
    get left() {
      return left;
    },
    letGo: all.letGo,
  };
}

/** Opens `count` connections, two hundred at a time, and waits until each is `ready`. */
async function openMany(count: number, open: (nth: number, ready: () => void) => Socket): Promise<Held> {
  const sockets: Socket[] = [];
  while (sockets.length < count)
    await Promise.all(
      Array.from({ length: Math.min(200, count - sockets.length) }, () => {
        return new Promise<void>(resolve => {
          const socket = open(sockets.length, resolve);
          socket.on('error', () => {});
          socket.once('close', () => resolve());
          sockets.push(socket);
        });
      }),
    );
  return held(sockets);
}

const from = (nth: number): string => `127.0.0.${3 + (nth % 200)}`;

/** Connections that sent `first`, got an answer, and do nothing any more. */
export function idlePlain(port: number, count: number, first: string): Promise<Held> {
  return openMany(count, (nth, ready) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from(nth) });
    socket.write(first);
    socket.once('data', ready);
    return socket;
  });
}

/** mTLS connections as a peer's sidecar makes them that chose no tunnel: one request on each, then nothing. */
export function idleMtls(port: number, count: number, identity: { key: string; cert: string; ca: string }): Promise<Held> {
  return openMany(count, (nth, ready) => {
    // A socket under the TLS one, because only that can be bound to an address.
    const socket = connectTls({
      socket: connect({ port, host: '127.0.0.1', localAddress: from(nth) }).on('error', () => {}),
      ...identity,
      checkServerIdentity: () => undefined,
    });
    socket.once('secureConnect', () => socket.write('GET /10 HTTP/1.1\r\nHost: app\r\n\r\n'));
    socket.once('data', ready);
    return socket;
  });
}
