import { Deadline, type DeadlineList } from '../../async/deadline.ts';
import { type ConnectionPool, UpstreamConnection } from '../http1/upstream-connection.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import type { Connect, OnFailed, OnStream, StreamPool } from './stream-pool.ts';

interface Idle {
  readonly connection: UpstreamConnection;
  readonly deadline: Deadline;
}

const nothing = (): void => {};

/** A request that waits for a connection. */
interface Waiting {
  readonly onStream: OnStream;
  readonly onFailed: OnFailed;
  giveUp: () => void;
}

/** How a pool keeps its connections. */
export interface Http1PoolOptions {
  readonly idle: DeadlineList;
  readonly breaker: CircuitBreaker;
  /** 0: any number. */
  readonly maxRequestsPerConnection: number;
  readonly onBug: (error: unknown) => void;
}

/** Keep-alive connections to one endpoint, each for one exchange at a time. */
export class Http1Pool implements StreamPool, ConnectionPool {
  readonly #connect: Connect;
  readonly #options: Http1PoolOptions;
  readonly #idle: Idle[] = [];
  readonly #deadlines = new WeakMap<UpstreamConnection, Deadline>();
  readonly #waiting: Waiting[] = [];
  /** Connections there are or that are being made. */
  #count = 0;
  #closed = false;

  constructor(connect: Connect, options: Http1PoolOptions) {
    this.#connect = connect;
    this.#options = options;
  }

  open(onStream: OnStream, onFailed: OnFailed, fresh: boolean): () => void {
    const kept = fresh ? null : this.#take();
    if (kept !== null) {
      onStream(kept);
      return nothing;
    }
    const { breaker } = this.#options;
    const waiting: Waiting = { onStream, onFailed, giveUp: nothing };
    if (breaker.beginConnection(this.#count)) this.#dial(waiting);
    else if (breaker.beginPending()) {
      waiting.giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        breaker.endPending();
      };
      this.#waiting.push(waiting);
    } else onFailed('overflow', 'too many requests wait for a connection');
    return () => waiting.giveUp();
  }

  /** The connection used last, which is the least likely to have gone stale; `null` when all are busy. */
  #take(): UpstreamConnection | null {
    for (let entry = this.#idle.pop(); entry !== undefined; entry = this.#idle.pop()) {
      entry.deadline.disarm();
      if (entry.connection.usable) return entry.connection;
    }
    return null;
  }

  #dial(waiting: Waiting): void {
    this.#count++;
    const cancel = this.#connect(
      stream => {
        waiting.giveUp = nothing;
        waiting.onStream(new UpstreamConnection(stream, this));
      },
      (failure, detail) => {
        waiting.giveUp = nothing;
        this.#ended();
        waiting.onFailed(failure, detail);
      },
    );
    waiting.giveUp = () => {
      waiting.giveUp = nothing;
      cancel();
      this.#ended();
    };
  }

  free(connection: UpstreamConnection): void {
    const { maxRequestsPerConnection: most, idle } = this.#options;
    if (this.#closed || !connection.usable || (most > 0 && connection.uses >= most)) {
      connection.cancel();
      return;
    }
    const next = this.#next();
    if (next !== null) {
      next.onStream(connection);
      return;
    }
    let deadline = this.#deadlines.get(connection);
    if (deadline === undefined) {
      deadline = new Deadline(() => connection.cancel());
      this.#deadlines.set(connection, deadline);
    }
    idle.arm(deadline);
    this.#idle.push({ connection, deadline });
  }

  gone(connection: UpstreamConnection): void {
    this.#deadlines.get(connection)?.disarm();
    const i = this.#idle.findIndex(entry => entry.connection === connection);
    if (i >= 0) this.#idle.splice(i, 1);
    this.#ended();
  }

  bug(error: unknown): void {
    this.#options.onBug(error);
  }

  close(): void {
    this.#closed = true;
    for (const { connection, deadline } of this.#idle.splice(0)) {
      deadline.disarm();
      connection.cancel();
    }
  }

  /** A connection is no more: whoever waits may make one. */
  #ended(): void {
    const { breaker } = this.#options;
    this.#count--;
    breaker.endConnection();
    if (this.#waiting.length === 0 || !breaker.beginConnection(this.#count)) return;
    const next = this.#next();
    if (next !== null) this.#dial(next);
  }

  #next(): Waiting | null {
    const next = this.#waiting.shift() ?? null;
    if (next === null) return null;
    next.giveUp = nothing;
    this.#options.breaker.endPending();
    return next;
  }
}
