import type { Clock } from '../../async/clock.ts';
import { Deadline } from '../../async/deadline.ts';
import type { Http2PoolOptions } from '../cluster/endpoint-pool.ts';
import type { Connect, OnFailed, OnStream, StreamPool } from '../cluster/stream-pool.ts';
import type { ByteStream } from '../transport/byte-stream.ts';
import { ClientConnection, type ClientConnectionOwner } from './client-connection.ts';

/** A request that waits for a connection, or for room on one. */
interface Waiting {
  readonly onStream: OnStream;
  readonly onFailed: OnFailed;
  giveUp: () => void;
}

/** A connection in the making and who waits for it. */
interface Dial {
  readonly waiting: Set<Waiting>;
  cancel: () => void;
}

/** As many requests wait for one connection as most servers take streams; more would want another one anyway. */
const maxWaiting = 100;
/** A silent connection is asked for a sign of life after this time, and given up after as much again. */
const silenceMs = 15_000;

const nothingToGiveUp = (): void => {};

/** HTTP/2 connections to one endpoint: one, and another when its stream limit is reached. */
export class Http2Pool implements StreamPool, ClientConnectionOwner {
  readonly #connect: Connect;
  readonly #options: Http2PoolOptions;
  readonly #clock: Clock;
  /** With the deadline that ends it when idle. */
  readonly #connections = new Map<ClientConnection, Deadline>();
  readonly #dials = new Set<Dial>();
  /** Those who may not make a connection and wait for a stream to end. */
  readonly #pending: Waiting[] = [];
  #closed = false;
  /** The server has answered in HTTP/1: it is not asked again. */
  #onlyHttp1: StreamPool | null = null;

  constructor(connect: Connect, options: Http2PoolOptions, clock: Clock) {
    this.#connect = connect;
    this.#options = options;
    this.#clock = clock;
  }

  open(onStream: OnStream, onFailed: OnFailed, fresh: boolean): () => void {
    if (this.#onlyHttp1 !== null) return this.#onlyHttp1.open(onStream, onFailed, fresh);
    for (const connection of this.#connections.keys()) {
      if (!connection.hasRoom || (fresh && connection.active === 0)) continue;
      this.#give(connection, onStream);
      return nothingToGiveUp;
    }
    const waiting: Waiting = { onStream, onFailed, giveUp: () => {} };
    const { breaker } = this.#options;
    const dial = [...this.#dials].find(some => some.waiting.size < maxWaiting);
    if (dial !== undefined) this.#await(dial, waiting);
    else if (breaker.beginConnection(this.#count)) this.#await(this.#dial(), waiting);
    else if (breaker.beginPending()) {
      waiting.giveUp = () => {
        this.#pending.splice(this.#pending.indexOf(waiting), 1);
        breaker.endPending();
      };
      this.#pending.push(waiting);
    } else onFailed('overflow', 'too many requests wait for a connection');
    return () => waiting.giveUp();
  }

  close(): void {
    this.#closed = true;
    for (const connection of [...this.#connections.keys()]) connection.close();
  }

  idle(connection: ClientConnection): void {
    const deadline = this.#connections.get(connection);
    if (deadline === undefined) return;
    if (this.#closed) connection.close();
    else this.#options.idle.arm(deadline);
  }

  freed(connection: ClientConnection): void {
    while (this.#pending.length > 0 && connection.hasRoom) {
      const next = this.#next();
      if (next !== null) this.#give(connection, next.onStream);
    }
  }

  closed(connection: ClientConnection): void {
    this.#connections.get(connection)?.disarm();
    if (this.#connections.delete(connection)) this.#ended();
  }

  /** Connections there are or that are being made. */
  get #count(): number {
    return this.#connections.size + this.#dials.size;
  }

  #give(connection: ClientConnection, onStream: OnStream): void {
    this.#connections.get(connection)?.disarm();
    const stream = connection.stream();
    const { maxRequestsPerConnection: most } = this.#options;
    if (most > 0 && connection.uses >= most) connection.close();
    onStream(stream);
  }

  #await(dial: Dial, waiting: Waiting): void {
    dial.waiting.add(waiting);
    waiting.giveUp = () => {
      if (!dial.waiting.delete(waiting) || dial.waiting.size > 0) return;
      dial.cancel();
      if (this.#dials.delete(dial)) this.#ended();
    };
  }

  #dial(): Dial {
    const dial: Dial = { waiting: new Set(), cancel: () => {} };
    this.#dials.add(dial);
    dial.cancel = this.#connect(
      stream => this.#connected(dial, stream),
      (failure, detail) => {
        this.#dials.delete(dial);
        this.#ended();
        for (const { onFailed } of dial.waiting) onFailed(failure, detail);
      },
    );
    return dial;
  }

  #connected(dial: Dial, stream: ByteStream): void {
    this.#dials.delete(dial);
    const { otherwise, onBug, scheme, mayPing } = this.#options;
    const connection = new ClientConnection(stream, scheme, { now: () => this.#clock.monotonic(), onBug }, this);
    this.#connections.set(connection, new Deadline(() => connection.close()));
    if (mayPing) this.#watch(connection);
    if (otherwise === null) {
      this.#serve(dial, connection);
      return;
    }
    dial.cancel = () => connection.destroy();
    connection.whenSettled(settled => {
      if (connection.answeredHttp1) this.#onlyHttp1 = otherwise;
      if (settled) this.#serve(dial, connection);
      else for (const waiting of dial.waiting) waiting.giveUp = otherwise.open(waiting.onStream, waiting.onFailed, false);
    });
  }

  #serve(dial: Dial, connection: ClientConnection): void {
    for (const waiting of dial.waiting) {
      waiting.giveUp = () => {};
      // A limit of requests or streams may be lower than that of those who wait.
      if (connection.hasRoom) this.#give(connection, waiting.onStream);
      else waiting.giveUp = this.open(waiting.onStream, waiting.onFailed, false);
    }
    if (this.#closed) connection.close();
    else this.freed(connection);
  }

  /** Looks after the connection until it is gone. */
  #watch(connection: ClientConnection): void {
    this.#clock.after(silenceMs, () => {
      if (connection.over) return;
      connection.checkAlive();
      this.#watch(connection);
    });
  }

  /** A connection is no more: whoever waits may make one. */
  #ended(): void {
    const { breaker } = this.#options;
    breaker.endConnection();
    if (this.#pending.length === 0 || !breaker.beginConnection(this.#count)) return;
    const next = this.#next();
    if (next !== null) this.#await(this.#dial(), next);
  }

  #next(): Waiting | null {
    const next = this.#pending.shift() ?? null;
    if (next !== null) this.#options.breaker.endPending();
    return next;
  }
}
