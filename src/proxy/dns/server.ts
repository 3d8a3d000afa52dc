import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { isMissingFamily } from '../listener/bind.ts';
import type { SidecarStats } from '../sidecar-stats.ts';
import { type DnsTable, decideDns, servFail } from './answer.ts';
import type { DnsForwarder } from './forward.ts';
import { FrameSplitter, framed } from './tcp-frames.ts';

/** A client that keeps a TCP connection open without asking is closed (RFC 7766 section 6.2.3). */
const tcpIdleMs = 10_000;
const maxTcpConnections = 256;

/** Answers the app's DNS questions: mesh names itself, everything else through the forwarder. */
export class DnsServer {
  readonly #forwarder: DnsForwarder;
  readonly #stats: SidecarStats;
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  #table: DnsTable;

  constructor(table: DnsTable, forwarder: DnsForwarder, stats: SidecarStats, family: 4 | 6 = 4) {
    this.#table = table;
    this.#forwarder = forwarder;
    this.#stats = stats;
    this.#udp = createSocket(family === 4 ? 'udp4' : 'udp6');
    this.#tcp = createServer({ noDelay: true }, socket => this.#serve(socket));
    this.#tcp.maxConnections = maxTcpConnections;
  }

  /** Listens on both transports. @returns the port, also when 0 was asked for */
  async listen(host: string, port: number): Promise<number> {
    // TCP first: of the two, its port numbers are the crowded ones, and the number that it gets is nearly always free for UDP.
    await new Promise<void>((resolve, reject) => {
      this.#tcp.once('error', reject);
      this.#tcp.listen(port, host, () => {
        this.#tcp.off('error', reject);
        this.#tcp.on('error', () => {});
        resolve();
      });
    });
    const address = this.#tcp.address();
    const actual = typeof address === 'object' && address !== null ? address.port : port;
    await new Promise<void>((resolve, reject) => {
      this.#udp.once('error', reject);
      this.#udp.bind(actual, host, () => {
        this.#udp.off('error', reject);
        resolve();
      });
    });
    // A refused datagram comes back as an error: nobody waits for that answer any more.
    this.#udp.on('error', () => {});
    this.#udp.on('message', (query, from) =>
      this.#answer(query, 'udp', bytes => this.#udp.send(bytes, from.port, from.address, () => {})),
    );
    return actual;
  }

  /** Questions from now on are answered from `table`. */
  use(table: DnsTable): void {
    this.#table = table;
  }

  #serve(socket: Socket): void {
    const splitter = new FrameSplitter();
    socket.on('error', () => {});
    socket.setTimeout(tcpIdleMs, () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      for (const query of splitter.push(chunk)) {
        this.#answer(query, 'tcp', bytes => {
          if (socket.writable) socket.write(framed(bytes));
        });
      }
    });
  }

  #answer(query: Buffer, transport: 'udp' | 'tcp', reply: (bytes: Buffer) => void): void {
    const decision = decideDns(query, this.#table);
    if (decision.kind === 'ignore') return;
    if (decision.kind === 'answer') {
      this.#stats.dns(decision.result);
      reply(decision.bytes);
      return;
    }
    this.#forwarder.ask(query, transport, answer => {
      this.#stats.dns(answer === null ? 'failed' : 'forwarded');
      reply(answer ?? servFail(query));
    });
  }

  close(): void {
    this.#udp.close();
    this.#tcp.close();
  }
}

/** One server per address, all with the same table. */
export class DnsServers {
  readonly #make: (family: 4 | 6) => DnsServer;
  readonly #servers: DnsServer[] = [];

  constructor(table: DnsTable, forwarder: DnsForwarder, stats: SidecarStats) {
    this.#make = family => new DnsServer(table, forwarder, stats, family);
  }

  /** Listens on every address, the IPv6 ones where there is IPv6. @returns the port of the first, also when 0 was asked for */
  async listen(hosts: readonly string[], port: number): Promise<number> {
    let actual = port;
    for (const host of hosts) {
      const server = this.#make(host.includes(':') ? 6 : 4);
      try {
        actual = await server.listen(host, actual);
      } catch (error) {
        server.close();
        if (isMissingFamily(host, error)) continue;
        throw error;
      }
      this.#servers.push(server);
    }
    return actual;
  }

  /** Questions from now on are answered from `table`. */
  use(table: DnsTable): void {
    for (const server of this.#servers) server.use(table);
  }

  close(): void {
    for (const server of this.#servers) server.close();
  }
}
