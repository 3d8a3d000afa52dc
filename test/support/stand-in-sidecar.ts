/** The sidecar's end of a control channel with nothing behind it: real TLS, real frames, answers as told. */
import { randomUUID, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { keyHashOf } from '../../src/control/control-key.ts';
import { createCsr, createSelfSigned } from '../../src/identity/certificate-request.ts';
import { readLeaf } from '../../src/identity/leaf-certificate.ts';
import { daemonId, serviceId } from '../../src/identity/spiffe-id.ts';
import { controlKeyPrefix, protocolVersion, type QueryKind, type ToDaemon, type ToSidecar } from '../../src/snapshot/channel.ts';
import { decodeSnapshot } from '../../src/snapshot/decode.ts';
import { encodeFrame, FrameReader } from '../../src/snapshot/frame.ts';
import type { Snapshot } from '../../src/snapshot/snapshot.ts';
import { newKey } from './test-ca.ts';

/** How it behaves. */
export interface StandInOptions {
  readonly workload: string;
  readonly trustDomain: string;
  /** What it trusts daemons by. */
  readonly bundlePem: string;
  /** 0 = any free port. */
  readonly port?: number;
  readonly protocol?: number;
  readonly helloWorkload?: string;
  /** Service named in its CSR. */
  readonly askFor?: string;
  /** Version that it claims to run when a daemon comes. */
  readonly running?: string | null;
  /** Why it refuses a snapshot; `null`: takes it. @default takes all */
  readonly refuse?: (snapshot: Snapshot) => string | null;
  /** Takes snapshots without a word. @default false */
  readonly mute?: boolean;
  /** Leaves pings unanswered. @default false */
  readonly hung?: boolean;
  /** The body of its answers to questions; never called where it is `hung`. @default names the question and the version */
  readonly answer?: (what: QueryKind) => unknown;
}

/** A running stand-in. */
export class StandInSidecar {
  readonly port: number;
  /** What a sidecar prints on its log. */
  readonly log: string;
  readonly keyHash: string;
  /** Everything received, in order. */
  readonly received: ToSidecar[] = [];
  readonly snapshots: Snapshot[] = [];
  connections = 0;
  running: string | null;
  svid: Extract<ToSidecar, { kind: 'svid' }> | null = null;
  readonly #server: Server;
  readonly #options: StandInOptions;
  readonly #sockets = new Set<TLSSocket>();

  private constructor(server: Server, hash: string, options: StandInOptions) {
    this.#server = server;
    this.#options = options;
    this.running = options.running ?? null;
    this.port = (server.address() as AddressInfo).port;
    this.keyHash = hash;
    this.log = `starting\n${controlKeyPrefix}${hash}\n`;
    server.on('secureConnection', socket => this.#serve(socket));
    server.on('tlsClientError', () => undefined);
  }

  /** Listens on 127.0.0.1 with a fresh control key. */
  static async start(options: StandInOptions): Promise<StandInSidecar> {
    const key = newKey();
    const cert = createSelfSigned(key, `mesh-control ${randomUUID()}`, Date.now());
    const server = createServer({
      cert,
      key: key.export({ type: 'pkcs8', format: 'pem' }),
      ca: options.bundlePem,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
    });
    server.listen(options.port ?? 0, '127.0.0.1');
    await once(server, 'listening');
    return new StandInSidecar(server, keyHashOf(new X509Certificate(cert)), options);
  }

  /** To every daemon connected. */
  send(message: ToDaemon): void {
    for (const socket of this.#sockets) socket.write(encodeFrame(message));
  }

  /** Bytes as they are, to every daemon connected. */
  sendRaw(bytes: Uint8Array): void {
    for (const socket of this.#sockets) socket.write(bytes);
  }

  /** Ends the connections, goes on listening. */
  disconnect(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** As a killed sidecar: no goodbye, the port is free again. */
  async kill(): Promise<void> {
    this.#server.close();
    this.disconnect();
    await once(this.#server, 'close');
  }

  #serve(socket: TLSSocket): void {
    const { trustDomain, workload, askFor, protocol = protocolVersion, helloWorkload = workload } = this.#options;
    socket.on('error', () => undefined);
    const peer = socket.getPeerX509Certificate();
    if (peer === undefined || readLeaf(peer.raw).spiffeId !== daemonId(trustDomain)) {
      socket.destroy();
      return;
    }
    this.connections++;
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    const reader = new FrameReader();
    socket.on('data', (chunk: Buffer) => {
      for (const message of reader.push(chunk)) this.#take(message as ToSidecar, socket);
    });
    const say = (message: ToDaemon) => socket.write(encodeFrame(message));
    say({ kind: 'hello', protocol, workload: helloWorkload, version: this.running, svidExpiresAtMs: null, apps: [] });
    if (askFor !== undefined) say({ kind: 'csr', pem: createCsr(newKey(), serviceId(trustDomain, 'default', askFor)) });
  }

  #take(message: ToSidecar, socket: TLSSocket): void {
    const { refuse = () => null, mute = false, hung = false } = this.#options;
    const { answer: bodyOf = (what: QueryKind): unknown => ({ what, version: this.running }) } = this.#options;
    const say = (answer: ToDaemon) => socket.write(encodeFrame(answer));
    this.received.push(message);
    switch (message.kind) {
      case 'snapshot': {
        const snapshot = decodeSnapshot(message.snapshot);
        this.snapshots.push(snapshot);
        if (mute) return;
        const reason = refuse(snapshot);
        if (reason === null) this.running = snapshot.version;
        say(reason === null ? { kind: 'ack', version: snapshot.version } : { kind: 'nack', version: snapshot.version, reason });
        return;
      }
      case 'svid':
        this.svid = message;
        return;
      case 'ping':
        if (!hung) say({ kind: 'pong', id: message.id });
        return;
      case 'query':
        if (!hung) say({ kind: 'reply', id: message.id, body: bodyOf(message.what) });
        return;
      case 'hello':
      case 'drain':
        return;
    }
  }
}
