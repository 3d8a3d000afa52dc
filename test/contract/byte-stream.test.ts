import { connect, createServer, type Socket } from 'node:net';
import { after } from 'node:test';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { systemClock } from '../../src/async/clock.ts';
import { Deadlines } from '../../src/async/deadline.ts';
import type { ByteStream } from '../../src/proxy/transport/byte-stream.ts';
import { carriedBy } from '../../src/proxy/transport/reset.ts';
import { SharedReads, SocketStream } from '../../src/proxy/transport/socket-stream.ts';
import { Tunnel } from '../../src/proxy/transport/tunnel/tunnel.ts';
import { createTestCa, newKey } from '../support/test-ca.ts';
import { byteStreamContract, type StreamPair } from './byte-stream-contract.ts';

const ca = createTestCa(Date.now());
const key = newKey();
const credentials = {
  key: key.export({ type: 'pkcs8', format: 'pem' }),
  cert: ca.issue(key, 'spiffe://bookshop.local/ns/default/sa/reviews'),
  ca: ca.bundlePem,
};

/** Listens for as long as this file runs; connections are handed out in the order they come. */
function listen(
  start: (accept: (socket: Socket) => void) => ReturnType<typeof createServer>,
): () => Promise<{ port: number; accepted: () => Promise<Socket> }> {
  const waiting: ((socket: Socket) => void)[] = [];
  const server = start(socket => {
    const next = waiting.shift();
    if (next === undefined) socket.destroy();
    else next(socket);
  });
  const listening = new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()));
  after(() => server.close());
  return async () => {
    await listening;
    const promise = new Promise<Socket>(resolve => waiting.push(resolve));
    return { port: (server.address() as { port: number }).port, accepted: () => promise };
  };
}

const tcp = listen(accept => createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, accept));
const carriers: Socket[] = [];
const tls = listen(accept => {
  const secure = createTlsServer({ ...credentials, allowHalfOpen: true, minVersion: 'TLSv1.3' }, socket => {
    const carrier = carriers.shift();
    if (carrier !== undefined) carriedBy(socket, carrier);
    accept(socket);
  });
  secure.on('tlsClientError', () => {});
  return createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    carriers.push(socket);
    socket.on('error', () => {});
    secure.emit('connection', socket);
  });
});

function closeBoth(near: ByteStream, far: ByteStream): void {
  near.destroy();
  far.destroy();
}

/** `publicOnly`: by the sockets' public methods, as where Node is another one than the driver knows. */
async function tcpPair(publicOnly = false): Promise<StreamPair> {
  const { port, accepted } = await tcp();
  const reads = new SharedReads();
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true, onread: reads.onread }).pause();
  const near = new SocketStream(socket, reads, publicOnly);
  await new Promise(resolve => socket.once('connect', resolve));
  const far = new SocketStream(await accepted(), null, publicOnly);
  return { near, far: async () => far, close: () => closeBoth(near, far) };
}

async function tlsPair(publicOnly = false): Promise<StreamPair> {
  const { port, accepted } = await tls();
  const transport = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  transport.on('error', () => {});
  const options = { ...credentials, socket: transport, allowHalfOpen: true, checkServerIdentity: () => undefined };
  const socket = connectTls(options);
  carriedBy(socket, transport);
  await new Promise(resolve => socket.once('secureConnect', resolve));
  const near = new SocketStream(socket, null, publicOnly);
  const far = new SocketStream(await accepted(), null, publicOnly);
  return { near, far: async () => far, close: () => closeBoth(near, far) };
}

/** A stream of a tunnel over `carrier`. With `neighbours` it is not alone. */
async function tunnelPair(carrier: () => Promise<StreamPair>, neighbours = 0): Promise<StreamPair> {
  const deadlines = new Deadlines(systemClock);
  const times = { pings: deadlines.of(10_000), idle: deadlines.of(60_000) };
  const ends = await carrier();
  const accepted: ((stream: ByteStream) => void)[] = [];
  const server = new Tunnel(
    await ends.far(),
    { opened: stream => (accepted.shift() ?? (() => stream.reset()))(stream), closed: () => {} },
    times,
  );
  const client = new Tunnel(ends.near, { closed: () => {} }, times);
  for (let i = 0; i < neighbours; i++) {
    const arrived = new Promise<ByteStream>(resolve => accepted.push(resolve));
    client.open().text('neighbour');
    await arrived;
  }
  const far = new Promise<ByteStream>(resolve => accepted.push(resolve));
  return {
    near: client.open(),
    far: () => far,
    close: () => {
      client.destroy();
      server.destroy();
    },
  };
}

byteStreamContract('a TCP socket', tcpPair);
byteStreamContract('a TLS socket', tlsPair);
byteStreamContract('a TCP socket by its public methods', () => tcpPair(true));
byteStreamContract('a TLS socket by its public methods', () => tlsPair(true));
byteStreamContract('a stream of a tunnel over TCP', () => tunnelPair(tcpPair));
byteStreamContract('a stream of a tunnel over TLS, among others', () => tunnelPair(tlsPair, 10));
byteStreamContract('a stream of a tunnel over TLS by public methods', () => tunnelPair(() => tlsPair(true)));
