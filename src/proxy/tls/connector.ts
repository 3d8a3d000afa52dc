import type { X509Certificate } from 'node:crypto';
import { connect as connectTcp, type Socket, type TcpNetConnectOpts } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Clock } from '../../async/clock.ts';
import { type LeafFacts, readLeaf } from '../../identity/leaf-certificate.ts';
import { validityProblem } from '../../identity/svid.ts';
import type { Cluster, Endpoint } from '../../snapshot/snapshot.ts';
import type { ConnectFailure } from '../data-plane.ts';
import type { ByteStream } from '../transport/byte-stream.ts';
import { carriedBy } from '../transport/reset.ts';
import { SharedReads, SocketStream } from '../transport/socket-stream.ts';
import type { Dialer } from '../transport/tunnel/tunnel-connector.ts';
import { streamProtocol } from './mesh-protocols.ts';
import { alpnProblem, TlsOriginator } from './origination.ts';
import { VouchedConnections } from './vouched-connections.ts';
import type { WorkloadIdentity } from './workload-identity.ts';

/** Sessions kept for resumption; one per endpoint, a few kilobytes each. */
const maxSessions = 1024;
/** First TCP keep-alive probe after this idle time; the kernel gives up about 10 s later. Finds peers that vanished without a word. */
const keepAliveMs = 30_000;

/** What resuming needs: Node shows a client no certificate for a resumed session, so the name is kept with the ticket that proves it. */
interface Session {
  readonly ticket: Buffer;
  readonly server: Server;
}

interface Server extends LeafFacts {
  /** Fingerprint of the root that its certificate comes from; `null`: of none that is trusted. */
  readonly root: string | null;
}

/** What all attempts have in common. */
interface Shared {
  readonly sessions: Map<string, Session>;
  readonly vouched: VouchedConnections;
  readonly originator: TlsOriginator;
}

type Connected = (stream: ByteStream, chosen: boolean) => void;
type Failed = (failure: ConnectFailure, detail: string) => void;

/** SNI as Istio writes it: `outbound|9080|v1|reviews` becomes `outbound_.9080_.v1_.reviews`. */
export function serverNameOf(cluster: string): string {
  return cluster.replaceAll('|', '_.');
}

/** The connector over real sockets. */
export function createConnector(identity: WorkloadIdentity, clock: Clock): Dialer {
  const sessions = new Map<string, Session>();
  const originator = new TlsOriginator();
  // A session proves the old identity: it must not be resumed after a renewal.
  identity.onReplaced(() => sessions.clear());
  const vouched = new VouchedConnections(identity, clock);
  const dial: Dialer['dial'] = (cluster, endpoint, resettable, offer, onConnected, onFailed) => {
    const attempt = new Attempt(cluster, endpoint, onConnected, onFailed, resettable, offer);
    attempt.start(identity, clock, { sessions, vouched, originator });
    return () => attempt.giveUp();
  };
  return {
    dial,
    connect: (cluster, endpoint, onConnected, onFailed, resettable = false) =>
      dial(cluster, endpoint, resettable, null, stream => onConnected(stream), onFailed),
  };
}

function failureOf(error: NodeJS.ErrnoException, secure: boolean): ConnectFailure {
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'refused';
    case 'ETIMEDOUT':
      return 'timeout';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'reset';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
      return 'unreachable';
    default:
      return secure ? 'tls' : 'unreachable';
  }
}

function serverOf(certificate: X509Certificate, { svid }: WorkloadIdentity): Server {
  const leaf = readLeaf(certificate.raw);
  return { ...leaf, root: svid?.trust.rootOf(certificate, leaf.certificateHash) ?? null };
}

function unauthorized(secure: TLSSocket, certificate: X509Certificate | undefined, clock: Clock): string {
  const reason = String(secure.authorizationError);
  if (certificate === undefined || !/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/.test(reason)) return reason;
  return `${reason}: server certificate ${validityProblem(readLeaf(certificate.raw), clock.now()) ?? 'is valid by the clock here'}`;
}

class Attempt {
  readonly #cluster: Cluster;
  readonly #endpoint: Endpoint;
  readonly #onConnected: Connected;
  readonly #onFailed: Failed;
  readonly #resettable: boolean;
  readonly #offer: string | null;
  #transport: Socket | null = null;
  #secure: TLSSocket | null = null;
  #cancelTimer = (): void => {};
  #over = false;
  readonly #onError = (error: NodeJS.ErrnoException): void => {
    this.#fail(failureOf(error, this.#secure !== null), error.code ?? error.message);
  };
  readonly #onClose = (): void => this.#fail('reset', 'closed before it was ready');

  constructor(
    cluster: Cluster,
    endpoint: Endpoint,
    onConnected: Connected,
    onFailed: Failed,
    resettable: boolean,
    offer: string | null,
  ) {
    this.#cluster = cluster;
    this.#endpoint = endpoint;
    this.#onConnected = onConnected;
    this.#onFailed = onFailed;
    this.#resettable = resettable;
    this.#offer = offer;
  }

  start(identity: WorkloadIdentity, clock: Clock, { sessions, vouched, originator }: Shared): void {
    const mtls = this.#endpoint.tls === 'mtls';
    const { gap, client } = identity;
    if (mtls && (gap !== null || client === null)) {
      // Not within the call: the caller has not got its cancel function yet.
      process.nextTick(() => this.#fail('no-svid', gap ?? 'svid_missing'));
      return;
    }
    this.#cancelTimer = clock.after(this.#cluster.connectTimeoutMs, () => {
      this.#fail('timeout', `no connection after ${this.#cluster.connectTimeoutMs} ms`);
    });
    const to = {
      host: this.#endpoint.address,
      port: this.#endpoint.port,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveMs,
    };
    const plain = this.#endpoint.tls === 'plain';
    const reads = !plain && this.#resettable ? null : new SharedReads();
    if (this.#endpoint.tls === 'tls') {
      this.#originate(to, reads, originator);
      return;
    }
    if (!mtls || client === null) {
      const transport = this.#open(reads === null ? to : { ...to, onread: reads.onread }).pause();
      const stream = new SocketStream(transport, reads);
      transport.on('close', this.#onClose);
      transport.once('connect', () => this.#succeed(transport, stream));
      return;
    }
    const key = `${this.#endpoint.address}:${this.#endpoint.port} ${this.#cluster.name}`;
    const session = sessions.get(key);
    // Only a TLS socket that has no other one under it can hand over its reads; only one that has can be reset.
    const transport = reads === null ? this.#open(to) : null;
    const secure = connectTls({
      ...(transport === null ? to : { socket: transport }),
      ...(reads === null ? {} : { onread: reads.onread }),
      secureContext: client,
      servername: serverNameOf(this.#cluster.name),
      // Names are SPIFFE IDs, judged below for resumed sessions too; OpenSSL judges the chain, and what it says against one is told in full.
      checkServerIdentity: () => undefined,
      rejectUnauthorized: false,
      ...(session === undefined ? {} : { session: session.ticket }),
      ALPNProtocols: this.#offer === null ? [streamProtocol] : [this.#offer, streamProtocol],
    });
    this.#secure = secure;
    if (transport !== null) carriedBy(secure, transport);
    // With shared reads it takes the bytes of a server that speaks before our handshake is done.
    const early = reads === null ? null : new SocketStream(secure, reads);
    secure.on('error', this.#onError);
    secure.on('close', this.#onClose);
    let server: Server | null = null;
    secure.on('session', (ticket: Buffer) => {
      if (identity.client !== client || server === null) return;
      sessions.delete(key);
      const oldest = sessions.size >= maxSessions ? sessions.keys().next().value : undefined;
      if (oldest !== undefined) sessions.delete(oldest);
      sessions.set(key, { ticket, server });
    });
    secure.once('secureConnect', () => {
      try {
        const certificate = secure.getPeerX509Certificate();
        if (!secure.authorized) {
          this.#fail('tls', unauthorized(secure, certificate, clock));
          return;
        }
        const resumed = secure.isSessionReused() ? session?.server : undefined;
        server = certificate === undefined ? (resumed ?? null) : serverOf(certificate, identity);
      } catch (error) {
        this.#fail('identity', error instanceof Error ? error.message : 'server certificate cannot be read');
        return;
      }
      const problem = this.#nameProblem(server, clock);
      if (problem === null) {
        vouched.add(secure, [server?.root ?? '', identity.svid?.root ?? '']);
        secure.pause();
        this.#succeed(secure, early ?? new SocketStream(secure), secure.alpnProtocol === this.#offer);
      } else {
        sessions.delete(key);
        this.#fail('identity', problem);
      }
    });
  }

  /** TLS with a server outside the mesh, which has a name instead of an identity. */
  #originate(to: TcpNetConnectOpts, reads: SharedReads | null, originator: TlsOriginator): void {
    const transport = reads === null ? this.#open(to) : null;
    const secure = connectTls({
      ...(transport === null ? to : { socket: transport }),
      ...(reads === null ? {} : { onread: reads.onread }),
      ...originator.optionsFor(this.#cluster),
    });
    this.#secure = secure;
    if (transport !== null) carriedBy(secure, transport);
    const early = reads === null ? null : new SocketStream(secure, reads);
    secure.on('error', this.#onError);
    secure.on('close', this.#onClose);
    secure.once('secureConnect', () => {
      const problem = alpnProblem(secure, this.#cluster);
      if (problem !== null) {
        this.#fail('tls', problem);
        return;
      }
      secure.pause();
      this.#succeed(secure, early ?? new SocketStream(secure));
    });
  }

  #open(to: TcpNetConnectOpts): Socket {
    const transport = connectTcp(to);
    this.#transport = transport;
    transport.on('error', this.#onError);
    return transport;
  }

  /** Secure naming: the server must be one of those that may serve this cluster, also when the session is an older one. */
  #nameProblem(server: Server | null, clock: Clock): string | null {
    if (server === null) return 'server showed no certificate';
    const invalid = validityProblem(server, clock.now());
    if (invalid !== null) return `server certificate ${invalid}`;
    if (server.root === null) return 'server certificate: its root is not trusted';
    return this.#cluster.identities.includes(server.spiffeId) ? null : `server is ${server.spiffeId}`;
  }

  #succeed(socket: Socket, stream: ByteStream, chosen = false): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelTimer();
    socket.off('error', this.#onError);
    socket.off('close', this.#onClose);
    this.#onConnected(stream, chosen);
  }

  #fail(failure: ConnectFailure, detail: string): void {
    if (this.#over) return;
    this.giveUp();
    this.#onFailed(failure, detail);
  }

  giveUp(): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelTimer();
    this.#secure?.destroy();
    this.#transport?.destroy();
  }
}
