/**
 * The seam inside the sidecar: listeners (sockets, interception, TLS) on one side, what is done with a connection on the other.
 * `sidecar.ts` composes both.
 */
import type { ClusterReport } from '../snapshot/channel.ts';
import type { ExplainRequest, Explanation } from '../snapshot/explanation.ts';
import type { JudgedCall, Judgement } from '../snapshot/judgement.ts';
import type { Observation, Observed } from '../snapshot/observation.ts';
import type { ObservedCalls } from '../snapshot/observed-call.ts';
import type { Cluster, Endpoint, Snapshot } from '../snapshot/snapshot.ts';
import type { TapOrder, Tapped } from '../snapshot/tap.ts';
import type { EarlyUpstream } from './tcp/early-upstream.ts';
import type { ByteStream } from './transport/byte-stream.ts';

/** Who is at the other end of an mTLS connection, from its verified certificate. */
export interface PeerIdentity {
  readonly spiffeId: string;
  /** SHA-256 of the leaf certificate, lower-case hex (XFCC `Hash`). */
  readonly certificateHash: string;
}

/** An accepted connection, TLS already ended where it was TLS. */
export interface Downstream {
  /** Paused, nobody's, nothing read but `initial`. */
  readonly stream: ByteStream;
  /** Bytes read while the protocol was told apart; empty otherwise. */
  readonly initial: Buffer;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Address and port that the peer meant (original destination where intercepted). */
  readonly localAddress: string;
  readonly localPort: number;
  /** `null` for plaintext. */
  readonly peer: PeerIdentity | null;
  /** At a gateway: the client's verified certificate as an element of `x-forwarded-client-cert`. Absent: it gave none. */
  readonly clientCertificate?: string;
  /** Server name (SNI) that the client's TLS asked for; empty or absent: none. */
  readonly serverName?: string;
  /** Inbound: TLS that the app ends itself, whatever the port speaks otherwise. */
  readonly opaque?: true;
  /** Inbound: as what it was let in. `host`: plaintext from the host to a published port. Absent elsewhere. */
  readonly admitted?: 'mtls' | 'plaintext' | 'host';
}

/** Why an upstream connection could not be made; becomes a response flag and details. */
export type ConnectFailure = 'refused' | 'timeout' | 'reset' | 'tls' | 'identity' | 'no-svid' | 'unreachable';

/** Opens upstream connections: TCP, and mTLS with secure naming where the endpoint speaks it. */
export interface Connector {
  /**
   * Calls exactly one of the callbacks, once, never before `connect` has returned. The stream is ready for writing (handshake done, peer identity checked
   * against `cluster.identities`). The returned function gives up. `resettable`: the stream's `reset` has to reach the server as one under TLS too, which
   * costs the shared read buffer; HTTP can do without.
   */
  connect(
    cluster: Cluster,
    endpoint: Endpoint,
    onConnected: (stream: ByteStream) => void,
    onFailed: (failure: ConnectFailure, detail: string) => void,
    resettable?: boolean,
  ): () => void;
}

/** One sidecar's running rules. Made once; `apply` swaps what new exchanges see. */
export interface DataPlane {
  readonly snapshot: Snapshot | null;
  /** Assembles and swaps; open connections and exchanges in flight finish on what they began with. @throws when the snapshot cannot be run (it is nacked and the last one stays) */
  apply(snapshot: Snapshot): void;
  /** A connection the app opened, intercepted on 15001. */
  outbound(downstream: Downstream): void;
  /** A connection from a peer, intercepted on 15006. `downstream.localPort` is the app's port. `early`: of `app`, dialled while the client was silent. */
  inbound(downstream: Downstream, early?: EarlyUpstream | null): void;
  /** Raw TCP to the app for such a connection; `null` where the caller is not let through. */
  app(downstream: Downstream): TcpUpstream | null;
  /** No more requests from this very peer, an object that each mTLS connection has of its own: its HTTP connections end with what is under way. */
  forsake(peer: PeerIdentity): void;
  /** A connection on a gateway's own port (`downstream.localPort`). */
  gateway(downstream: Downstream): void;
  /**
   * Stops reuse of connections, lets exchanges finish; resolves when none is left or `graceMs` is over. Until `quiet` resolves more connections may come; they
   * are served.
   */
  drain(graceMs: number, quiet?: Promise<void>): Promise<void>;
  /** How clusters and their endpoints stand now. */
  clusters(): readonly ClusterReport[];
  /** What the tables of this moment would do with a request; `null` before the first snapshot. @throws TypeError for what is no request */
  explain(request: ExplainRequest): Explanation | null;
  /** Whether a call to the app would be let in; `null` before the first snapshot. */
  judge(call: JudgedCall): Judgement | null;
  /** Who called the app since somebody first asked. */
  calls(): ObservedCalls;
  /** What is told of the traffic from now on, instead of what was before. `tell`: `false` where it could not be sent; it is then lost. */
  observe(observation: Observation, tell: (message: Observed) => boolean): void;
  /** What watchers are told from now on, for `tapLifeMs`. `tell` as above. */
  tap(orders: readonly TapOrder[], tell: (message: Tapped) => boolean): void;
  /** Counters as Prometheus text exposition. */
  metrics(): string;
}

/**
 * Where a raw TCP connection goes: one cluster, chosen by weight, or the app itself. Made by the data plane, used by the TCP proxy, which
 * knows neither balancers nor metrics.
 */
export interface TcpUpstream {
  /** `outbound|6379||redis` or `inbound|6379||redis`, for logs. */
  readonly name: string;
  /**
   * Picks an endpoint and connects (a connect failure is tried once more on another endpoint). Calls exactly one callback, once; the stream is as
   * `Connector.connect` gives it; `spoken`: what the server has sent already. The returned function gives up.
   */
  open(onConnected: (stream: ByteStream, spoken?: Buffer) => void, onFailed: (detail: string) => void): () => void;
  /**
   * Must be called exactly once, when the connection is over (also after `onFailed`, with zeros): counts it and writes the access log line.
   * `received`: bytes from downstream, `sent`: bytes to downstream.
   */
  closed(received: number, sent: number): void;
}

/** Copies bytes both ways with backpressure and half-close, beginning with `downstream.initial`. Must not throw. Given to `createDataPlane`. */
export type TcpProxy = (downstream: Downstream, upstream: TcpUpstream) => void;
