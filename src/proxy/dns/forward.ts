import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Clock } from '../../async/clock.ts';
import { FrameSplitter, framed } from './tcp-frames.ts';

/** Resolver libraries wait 5 s for an answer; two servers fit in. */
const tryMs = 2000;
/** Questions under way: each holds a socket. A flood gets SERVFAIL, the mesh's own names are answered all the same. */
const maxInFlight = 512;

/** An address and port to ask. The port is 53 but in tests. */
export interface Nameserver {
  readonly address: string;
  readonly port: number;
}

/** Sends questions to the original nameservers, in their order, over the transport that they came by. */
export class DnsForwarder {
  readonly #servers: readonly Nameserver[];
  readonly #clock: Clock;
  #inFlight = 0;

  constructor(servers: readonly Nameserver[], clock: Clock) {
    this.#servers = servers;
    this.#clock = clock;
  }

  /** Calls `done` once: with the answer as it came, or `null` when no server gave one. */
  ask(query: Buffer, transport: 'udp' | 'tcp', done: (answer: Buffer | null) => void): void {
    if (this.#inFlight >= maxInFlight) {
      done(null);
      return;
    }
    this.#inFlight++;
    this.#try(0, query, transport, answer => {
      this.#inFlight--;
      done(answer);
    });
  }

  #try(index: number, query: Buffer, transport: 'udp' | 'tcp', done: (answer: Buffer | null) => void): void {
    const server = this.#servers[index];
    if (server === undefined) {
      done(null);
      return;
    }
    let over = false;
    let close = (): void => {};
    const settle = (answer: Buffer | null): void => {
      if (over) return;
      over = true;
      cancel();
      close();
      if (answer === null) this.#try(index + 1, query, transport, done);
      else done(answer);
    };
    const cancel = this.#clock.after(tryMs, () => settle(null));
    const received = (answer: Buffer): void => {
      // Another id: an answer to a question that was not asked.
      if (answer.length >= 12 && answer.readUInt16BE(0) === query.readUInt16BE(0)) settle(answer);
    };
    close = transport === 'udp' ? askUdp(server, query, received, settle) : askTcp(server, query, received, settle);
    if (over) close();
  }
}

type Settle = (answer: null) => void;

function askUdp(server: Nameserver, query: Buffer, received: (answer: Buffer) => void, settle: Settle): () => void {
  const socket = createSocket(server.address.includes(':') ? 'udp6' : 'udp4');
  let closed = false;
  socket.on('error', () => settle(null));
  socket.on('message', received);
  // Connected: only this server's datagrams arrive, and its refusal is heard.
  socket.connect(server.port, server.address, () => {
    if (!closed) socket.send(query);
  });
  return () => {
    if (closed) return;
    closed = true;
    socket.close();
  };
}

function askTcp(server: Nameserver, query: Buffer, received: (answer: Buffer) => void, settle: Settle): () => void {
  const socket = connect({ host: server.address, port: server.port, noDelay: true });
  const splitter = new FrameSplitter();
  socket.on('error', () => settle(null));
  socket.on('close', () => settle(null));
  socket.on('data', (chunk: Buffer) => {
    for (const frame of splitter.push(chunk)) received(frame);
  });
  socket.write(framed(query));
  return () => socket.destroy();
}
