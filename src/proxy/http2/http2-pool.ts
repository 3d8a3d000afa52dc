import type { Clock } from '../../async/clock.ts';
import { Deadline } from '../../async/deadline.ts';
import type { Http2PoolOptions } from '../cluster/endpoint-pool.ts';
import type { Connect, OnFailed, OnStream, StreamPool } from '../cluster/stream-pool.ts';
import type { ByteStream } from '../transport/byte-stream.ts';
import { ClientConnection, type ClientConnectionOwner } from './client-connection.ts';

/** A request that waits for a connection. */
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

/** HTTP/2 connections to one endpoint: one, and another when its stream limit is reached. */
export class Http2Pool implements StreamPool, ClientConnectionOwner {
  readonly #connect: Connect;
  readonly #options: Http2PoolOptions;
  readonly #now: () => number;
  /** With the deadline that ends it when idle. */
  readonly #connections = new Map<ClientConnection, Deadline>();
  readonly #dials = new Set<Dial>();
  #closed = false;
  /** The server has answered in HTTP/1: it is not asked again. */
  #onlyHttp1: StreamPool | null = null;

  constructor(connect: Connect, options: Http2PoolOptions, clock: Clock) {
    this.#connect = connect;
    this.#options = options;
    this.#now = () => clock.monotonic();
  }

  open(onStream: OnStream, onFailed: OnFailed, fresh: boolean): () => void {
    if (this.#onlyHttp1 !== null) return this.#onlyHttp1.open(onStream, onFailed, fresh);
    for (const [connection, idle] of this.#connections) {
      if (!connection.hasRoom || (fresh && connection.active === 0)) continue;
      idle.disarm();
      onStream(connection.stream());
      return () => {};
    }
    const waiting: Waiting = { onStream, onFailed, giveUp: () => {} };
    const dial = [...this.#dials].find(some => some.waiting.size < maxWaiting) ?? this.#dial();
    dial.waiting.add(waiting);
    return () => {
      waiting.giveUp();
      if (!dial.waiting.delete(waiting) || dial.waiting.size > 0) return;
      this.#dials.delete(dial);
      dial.cancel();
    };
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

  leaving(connection: ClientConnection): void {
    this.#connections.get(connection)?.disarm();
  }

  closed(connection: ClientConnection): void {
    this.#connections.get(connection)?.disarm();
    this.#connections.delete(connection);
  }

  #dial(): Dial {
    const dial: Dial = { waiting: new Set(), cancel: () => {} };
    this.#dials.add(dial);
    dial.cancel = this.#connect(
      stream => this.#connected(dial, stream),
      (failure, detail) => {
        this.#dials.delete(dial);
        for (const { onFailed } of dial.waiting) onFailed(failure, detail);
      },
    );
    return dial;
  }

  #connected(dial: Dial, stream: ByteStream): void {
    const parts = { now: this.#now, onBug: this.#options.onBug };
    const connection = new ClientConnection(stream, this.#options.scheme, parts, this);
    this.#connections.set(connection, new Deadline(() => connection.close()));
    const { otherwise } = this.#options;
    if (otherwise === null) this.#serve(dial, connection);
    else {
      dial.cancel = () => connection.destroy();
      connection.whenSettled(settled => {
        if (connection.answeredHttp1) this.#onlyHttp1 = otherwise;
        if (settled) this.#serve(dial, connection);
        else this.#refer(dial, otherwise);
      });
    }
  }

  #serve(dial: Dial, connection: ClientConnection): void {
    this.#dials.delete(dial);
    for (const { onStream } of dial.waiting) onStream(connection.stream());
    dial.waiting.clear();
    if (this.#closed) connection.close();
  }

  /** Those who wait get a connection of the other pool. */
  #refer(dial: Dial, otherwise: StreamPool): void {
    this.#dials.delete(dial);
    for (const waiting of dial.waiting) waiting.giveUp = otherwise.open(waiting.onStream, waiting.onFailed, false);
    dial.waiting.clear();
  }
}
