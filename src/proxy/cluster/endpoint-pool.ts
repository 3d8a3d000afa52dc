import type { DeadlineList } from '../../async/deadline.ts';
import type { Cluster, Endpoint } from '../../snapshot/snapshot.ts';
import type { Log } from '../../telemetry/log.ts';
import type { EdgeRequests } from '../../telemetry/mesh-metrics.ts';
import type { Connector } from '../data-plane.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import type { EndpointState, Outcome } from './endpoint-state.ts';
import { Http1Pool } from './http1-pool.ts';
import type { Connect, OnFailed, OnStream, StreamPool } from './stream-pool.ts';

/** What a pool of HTTP/2 connections is made with. */
export interface Http2PoolOptions {
  readonly scheme: 'http' | 'https';
  readonly idle: DeadlineList;
  readonly onBug: (error: unknown) => void;
  /** Nobody said that the server speaks HTTP/2: where it turns out not to, requests go here. `null`: it does. */
  readonly otherwise: StreamPool | null;
  readonly breaker: CircuitBreaker;
  /** 0: any number. */
  readonly maxRequestsPerConnection: number;
  /** Whether the server may be asked for signs of life: a sidecar. gRPC servers hang up on clients that ask often. */
  readonly mayPing: boolean;
}

/** What pools need from the program. */
export interface PoolParts {
  readonly connector: Connector;
  readonly log: Log;
  /** For the cluster's idle timeout. */
  readonly idle: DeadlineList;
  readonly http2: (connect: Connect, options: Http2PoolOptions) => StreamPool;
}

/** One endpoint as it runs: its connections and the exchanges it is serving. Lives on over a swap when nothing about it changed. */
export class EndpointPool {
  readonly cluster: Cluster;
  readonly endpoint: Endpoint;
  /** Counts the requests that this endpoint served. */
  readonly requests: EdgeRequests;
  /** `10.0.0.7:9080`, for logs. */
  readonly address: string;
  /** What balancing knows of the endpoint; it outlives this pool where only the way to reach the endpoint changes. */
  readonly state: EndpointState;
  readonly #parts: PoolParts;
  readonly #breaker: CircuitBreaker;
  readonly #http1: Http1Pool;
  #http2: StreamPool | null = null;

  /** `breaker`: of the cluster; it counts the connections. */
  constructor(
    cluster: Cluster,
    endpoint: Endpoint,
    requests: EdgeRequests,
    parts: PoolParts,
    state: EndpointState,
    breaker: CircuitBreaker,
  ) {
    this.cluster = cluster;
    this.endpoint = endpoint;
    this.requests = requests;
    this.address = `${endpoint.address}:${endpoint.port}`;
    this.#parts = parts;
    this.state = state;
    this.#breaker = breaker;
    this.#http1 = new Http1Pool(this.#connect, {
      idle: parts.idle,
      breaker,
      maxRequestsPerConnection: cluster.maxRequestsPerConnection ?? 0,
      onBug: this.#onBug,
    });
  }

  /** Exchanges and connections in progress. */
  get active(): number {
    return this.state.active;
  }

  set active(active: number) {
    this.state.active = active;
  }

  /** A try at this endpoint has ended, `durationMs` after it began: balancers and outlier detection learn from it. */
  outcome(result: Outcome, durationMs: number): void {
    this.state.watcher?.outcome(this.state, result, durationMs);
  }

  /** A stream for one request, as `StreamPool.open` says. */
  open(protocol: 'http1' | 'http2', onStream: OnStream, onFailed: OnFailed, fresh = false): () => void {
    if (protocol === 'http1') return this.#http1.open(onStream, onFailed, fresh);
    this.#http2 ??= this.#parts.http2(this.#connect, {
      scheme: this.endpoint.tls === 'plain' ? 'http' : 'https',
      idle: this.#parts.idle,
      onBug: this.#onBug,
      // Sidecars speak both.
      otherwise: this.endpoint.tls === 'mtls' || this.cluster.protocol === 'http2' ? null : this.#http1,
      breaker: this.#breaker,
      maxRequestsPerConnection: this.cluster.maxRequestsPerConnection ?? 0,
      mayPing: this.endpoint.tls === 'mtls',
    });
    return this.#http2.open(onStream, onFailed, fresh);
  }

  /** Ends idle connections now and busy ones as soon as they are not. */
  close(): void {
    this.#http1.close();
    this.#http2?.close();
  }

  readonly #connect: Connect = (onConnected, onFailed) =>
    this.#parts.connector.connect(this.cluster, this.endpoint, onConnected, onFailed);

  readonly #onBug = (error: unknown): void =>
    this.#parts.log.error('reading an answer failed with a bug', { error, endpoint: this.address });
}
