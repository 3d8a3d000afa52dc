import { Deadline, type DeadlineList } from '../../async/deadline.ts';
import type { Cluster, Endpoint } from '../../snapshot/snapshot.ts';
import type { Log } from '../../telemetry/log.ts';
import type { EdgeRequests } from '../../telemetry/mesh-metrics.ts';
import type { ConnectFailure, Connector } from '../data-plane.ts';
import { UpstreamConnection } from '../http1/upstream-connection.ts';
import type { EndpointState, Outcome } from './endpoint-state.ts';

/** What a pool needs from the program. */
export interface PoolParts {
  readonly connector: Connector;
  readonly log: Log;
  /** For the cluster's idle timeout. */
  readonly idle: DeadlineList;
}

interface Idle {
  readonly connection: UpstreamConnection;
  readonly deadline: Deadline;
}

/** One endpoint as it runs: its idle keep-alive connections and the exchanges it is serving. Lives on over a swap when nothing about it changed. */
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
  readonly #idle: Idle[] = [];
  readonly #deadlines = new WeakMap<UpstreamConnection, Deadline>();
  #closed = false;

  constructor(cluster: Cluster, endpoint: Endpoint, requests: EdgeRequests, parts: PoolParts, state: EndpointState) {
    this.cluster = cluster;
    this.endpoint = endpoint;
    this.requests = requests;
    this.address = `${endpoint.address}:${endpoint.port}`;
    this.#parts = parts;
    this.state = state;
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

  /** Number of idle connections. */
  get idle(): number {
    return this.#idle.length;
  }

  /** The connection used last, which is the least likely to have gone stale; `null` when all are busy. */
  take(): UpstreamConnection | null {
    for (let entry = this.#idle.pop(); entry !== undefined; entry = this.#idle.pop()) {
      entry.deadline.disarm();
      if (entry.connection.usable) return entry.connection;
    }
    return null;
  }

  /** Opens a new connection. Calls exactly one callback, once, unless given up by the returned function. */
  connect(
    onConnected: (connection: UpstreamConnection) => void,
    onFailed: (failure: ConnectFailure, detail: string) => void,
  ): () => void {
    return this.#parts.connector.connect(
      this.cluster,
      this.endpoint,
      stream =>
        onConnected(
          new UpstreamConnection(
            stream,
            ended => this.#forget(ended),
            error => this.#parts.log.error('reading an answer failed with a bug', { error, endpoint: this.address }),
          ),
        ),
      onFailed,
    );
  }

  /** Takes a connection back after a complete exchange. */
  put(connection: UpstreamConnection): void {
    if (this.#closed || !connection.usable) {
      connection.destroy();
      return;
    }
    connection.resume();
    let deadline = this.#deadlines.get(connection);
    if (deadline === undefined) {
      deadline = new Deadline(() => connection.destroy());
      this.#deadlines.set(connection, deadline);
    }
    this.#parts.idle.arm(deadline);
    this.#idle.push({ connection, deadline });
  }

  /** Ends idle connections now and busy ones as they come back. */
  close(): void {
    this.#closed = true;
    for (const { connection, deadline } of this.#idle.splice(0)) {
      deadline.disarm();
      connection.destroy();
    }
  }

  #forget(connection: UpstreamConnection): void {
    const i = this.#idle.findIndex(entry => entry.connection === connection);
    if (i >= 0) for (const entry of this.#idle.splice(i, 1)) entry.deadline.disarm();
  }
}
