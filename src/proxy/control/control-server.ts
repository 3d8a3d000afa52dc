import { createHash, createPublicKey, generateKeyPairSync, type X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import type { Clock } from '../../async/clock.ts';
import { createSelfSigned } from '../../identity/certificate-request.ts';
import { readLeaf } from '../../identity/leaf-certificate.ts';
import { daemonId } from '../../identity/spiffe-id.ts';
import { validityProblem } from '../../identity/svid.ts';
import { TrustBundle } from '../../identity/trust-bundle.ts';
import { controlKeyPrefix, type ToDaemon } from '../../snapshot/channel.ts';
import { encodeFrame, FrameReader } from '../../snapshot/frame.ts';
import { packed } from '../../snapshot/packed-span.ts';
import type { Log } from '../../telemetry/log.ts';

/** A log may be rotated away; whoever connects makes the key be said again, but cannot flood the log with it. */
const repeatKeyMs = 5000;
const handshakeTimeoutMs = 5000;
/** Callers that have not shown who they are: the port is published on the host, so anybody there may knock. */
const maxStrangers = 128;
/** A daemon that is stopped or slow costs no more memory than this. */
const maxBacklogBytes = 1024 * 1024;

/** What the channel is made with. */
export interface ControlServerOptions {
  readonly workload: string;
  readonly trustDomain: string;
  readonly trustBundlePem: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Writes one line to stdout. */
  readonly print: (line: string) => void;
  /** A daemon has been accepted; what it is to be told first. */
  readonly onConnected: () => void;
  /** The daemon's connection is gone, and no other has taken its place. */
  readonly onLost?: () => void;
  readonly onMessage: (message: unknown) => void;
}

/** The sidecar's end of the control channel: one daemon at a time, the newest. */
export class ControlServer {
  readonly #options: ControlServerOptions;
  readonly #server: Server;
  readonly #own: SecureContextOptions;
  readonly #keyHash: string;
  readonly #strangers = new Set<Socket>();
  #daemon: TLSSocket | null = null;
  #lastPrint = Number.NEGATIVE_INFINITY;

  constructor(options: ControlServerOptions) {
    this.#options = options;
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const certificate = createSelfSigned(privateKey, `sidecar ${options.workload}`, options.clock.now());
    this.#own = { key: privateKey.export({ type: 'pkcs8', format: 'pem' }), cert: certificate, minVersion: 'TLSv1.3' };
    this.#keyHash = createHash('sha256')
      .update(createPublicKey(privateKey).export({ type: 'spki', format: 'der' }))
      .digest('hex');
    this.#server = createServer({
      ...this.#own,
      ca: options.trustBundlePem,
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: handshakeTimeoutMs,
    });
    this.#server.on('connection', socket => {
      socket.on('error', () => {});
      this.#admit(socket);
      this.#sayKey();
    });
    this.#server.on('secureConnection', socket => this.#judge(socket));
    this.#server.on('tlsClientError', error => options.log.warn('control channel: handshake failed', { error }));
  }

  get connected(): boolean {
    return this.#daemon !== null;
  }

  /** Says the key and listens. @returns the port */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, resolve);
    });
    this.#server.on('error', () => {});
    this.#sayKey();
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  }

  /** A daemon's certificate must come from one of these roots from now on; one that has another is to come again with a newer. */
  trust(bundlePem: string): void {
    this.#server.setSecureContext({ ...this.#own, ca: bundlePem });
    const daemon = this.#daemon;
    const certificate = daemon?.getPeerX509Certificate();
    if (certificate === undefined || new TrustBundle(bundlePem).rootOf(certificate) !== null) return;
    // After the answer to what brought the roots.
    process.nextTick(() => daemon?.end());
  }

  /** Sends to the daemon, when one is there. */
  send(message: ToDaemon): void {
    this.#daemon?.write(encodeFrame(message));
  }

  /** Sends what may be lost. `false`: nobody is there, or what was sent before still waits. */
  tell(message: ToDaemon): boolean {
    const daemon = this.#daemon;
    if (daemon === null || daemon.writableLength > maxBacklogBytes) return false;
    daemon.write(encodeFrame(packed(message)));
    return true;
  }

  close(): void {
    this.#server.close();
    this.#daemon?.end();
  }

  #sayKey(): void {
    const now = this.#options.clock.monotonic();
    if (now - this.#lastPrint < repeatKeyMs) return;
    this.#lastPrint = now;
    this.#options.print(`${controlKeyPrefix}${this.#keyHash}`);
  }

  /** The one that waited longest makes room: turning the newest away would let idle strangers keep the daemon out. */
  #admit(socket: Socket): void {
    this.#strangers.add(socket);
    socket.once('close', () => this.#strangers.delete(socket));
    const [longest] = this.#strangers;
    if (this.#strangers.size > maxStrangers) longest?.destroy();
  }

  #judge(socket: TLSSocket): void {
    const { log } = this.#options;
    socket.on('error', error => log.debug('control channel: connection error', { error }));
    const problem = this.#problemOf(socket);
    if (problem !== null) {
      log.warn('control channel: caller refused', { reason: problem });
      socket.destroy();
      return;
    }
    for (const one of this.#strangers) {
      if (one.remotePort === socket.remotePort && one.remoteAddress === socket.remoteAddress) this.#strangers.delete(one);
    }
    this.#daemon?.destroy();
    this.#daemon = socket;
    socket.setNoDelay(true);
    const reader = new FrameReader();
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const message of reader.push(chunk)) {
          if (this.#daemon === socket) this.#options.onMessage(message);
        }
      } catch (error) {
        log.error('control channel: broken message', { error });
        socket.destroy();
      }
    });
    socket.once('close', () => {
      if (this.#daemon !== socket) return;
      this.#daemon = null;
      this.#options.onLost?.();
    });
    this.#options.onConnected();
  }

  #problemOf(socket: TLSSocket): string | null {
    const certificate: X509Certificate | undefined = socket.getPeerX509Certificate();
    if (certificate === undefined) return 'no client certificate';
    try {
      const leaf = readLeaf(certificate.raw);
      // Before OpenSSL's word: clocks that differ are told in full.
      const invalid = validityProblem(leaf, this.#options.clock.now());
      if (invalid !== null) return `client certificate ${invalid}`;
      if (!socket.authorized) return `client certificate: ${String(socket.authorizationError)}`;
      const { spiffeId } = leaf;
      return spiffeId === daemonId(this.#options.trustDomain) ? null : `caller is ${spiffeId}, not the daemon`;
    } catch (error) {
      return error instanceof Error ? error.message : 'client certificate cannot be read';
    }
  }
}
