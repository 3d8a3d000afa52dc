/**
 * A server that sends as much as it is asked for as fast as it is taken, or never reads.
 *
 *   node bench/limits/backend.ts <HTTP/1.1|HTTP/2|TCP> <host> <port>
 *
 * `/<bytes>` and, as the first line of a TCP connection, `<bytes>` are answered with so many; `/sink` and `sink` are not read. WebSockets are answered with one
 * long message.
 */
import { createServer as createHttp } from 'node:http';
import { createServer as createHttp2, type ServerHttp2Stream } from 'node:http2';
import { createServer as createTcp, type Socket } from 'node:net';
import type { Writable } from 'node:stream';

const [, , spoken = 'HTTP/1.1', host = '127.0.0.1', port = '0'] = process.argv;
const piece = Buffer.alloc(64 * 1024, 120);

function send(to: Writable, bytes: number, end: boolean): void {
  for (let left = bytes; left > 0; ) {
    const part = left < piece.length ? piece.subarray(0, left) : piece;
    left -= part.length;
    if (!to.write(part) && left > 0) {
      const rest = left;
      to.once('drain', () => send(to, rest, end));
      return;
    }
  }
  if (end) to.end();
}

const wanted = (path: string | undefined): number => Number(/^\/?(\d+)/.exec(path ?? '')?.[1] ?? 0);

if (spoken === 'HTTP/1.1') {
  const server = createHttp((request, response) => {
    if (request.url === '/sink') return;
    request.resume();
    const bytes = wanted(request.url);
    response.writeHead(200, { 'content-length': bytes });
    send(response, bytes, true);
  });
  server.on('upgrade', (request, stream) => {
    const socket = stream as Socket;
    socket.on('error', () => {});
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    if (request.url === '/sink') return;
    const head = Buffer.alloc(10, 0);
    head[0] = 0x82;
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(wanted(request.url)), 2);
    socket.write(head);
    send(socket, wanted(request.url), false);
  });
  server.listen(Number(port), host);
} else if (spoken === 'HTTP/2') {
  const server = createHttp2({ settings: { maxConcurrentStreams: 1000 } });
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => {});
    if (headers[':path'] === '/sink') return;
    stream.resume();
    stream.respond({ ':status': 200, 'content-type': headers['content-type'] ?? 'text/plain' });
    send(stream, wanted(headers[':path']), true);
  });
  server.on('session', session => session.on('error', () => {}));
  server.listen(Number(port), host);
} else {
  createTcp(socket => {
    socket.on('error', () => {});
    socket.once('data', first => {
      const line = first.toString('latin1');
      if (line.startsWith('sink')) socket.pause();
      else send(socket, wanted(line), false);
    });
  }).listen({ port: Number(port), host, backlog: 4096 });
}
