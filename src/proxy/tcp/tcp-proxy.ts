import type { Socket } from 'node:net';
import type { Downstream, TcpProxy, TcpUpstream } from '../data-plane.ts';
import { resetConnection } from '../transport/reset.ts';

/** All raw TCP connections of one sidecar, so that draining can wait for them. */
export class TcpSessions {
  readonly #open = new Set<TcpSession>();
  #idle: (() => void)[] = [];

  get count(): number {
    return this.#open.size;
  }

  /** @see TcpProxy */
  readonly proxy: TcpProxy = (downstream, upstream) => {
    const session = new TcpSession(downstream, upstream, () => {
      this.#open.delete(session);
      if (this.#open.size > 0) return;
      const waiting = this.#idle;
      this.#idle = [];
      for (const resolve of waiting) resolve();
    });
    this.#open.add(session);
    session.start();
  };

  /** Resolves when no connection is left. */
  whenIdle(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise(resolve => this.#idle.push(resolve));
  }

  /** Ends what is left. */
  closeAll(): void {
    for (const session of this.#open) session.abort();
  }
}

/** One connection: bytes both ways, a FIN passed on as a FIN, an RST as an RST. Either side may speak first. */
class TcpSession {
  readonly #downstream: Socket;
  readonly #initial: Buffer;
  readonly #plan: TcpUpstream;
  readonly #onOver: () => void;
  #upstream: Socket | null = null;
  #received = 0;
  #sent = 0;
  #cancelOpen = (): void => {};
  #over = false;
  #closedSides = 0;

  constructor(downstream: Downstream, plan: TcpUpstream, onOver: () => void) {
    this.#downstream = downstream.socket;
    this.#initial = downstream.initial;
    this.#plan = plan;
    this.#onOver = onOver;
  }

  start(): void {
    this.#downstream.on('error', () => this.abort());
    this.#downstream.once('close', () => this.#sideClosed(this.#upstream));
    let answered = false;
    const cancel = this.#plan.open(
      upstream => {
        answered = true;
        this.#cancelOpen = () => {};
        if (this.#over) upstream.destroy();
        else this.#connect(upstream);
      },
      () => {
        answered = true;
        this.abort();
      },
    );
    if (!answered) this.#cancelOpen = cancel;
    if (this.#downstream.destroyed) this.abort();
  }

  #connect(upstream: Socket): void {
    this.#upstream = upstream;
    const downstream = this.#downstream;
    upstream.on('error', () => this.abort());
    upstream.once('close', () => this.#sideClosed(downstream));
    this.#received = this.#initial.length;
    const writable = this.#initial.length === 0 || upstream.write(this.#initial);
    copy(downstream, upstream, writable, length => {
      this.#received += length;
    });
    copy(upstream, downstream, true, length => {
      this.#sent += length;
    });
  }

  /** One side is gone. After both FINs that is the end; without them the other side must not take it for one. */
  #sideClosed(other: Socket | null): void {
    this.#closedSides++;
    if (other === null) this.abort();
    else if (this.#closedSides === 2) this.#finish();
    else if (!other.readableEnded || !other.writableEnded) this.abort();
  }

  /** Resets whatever is open. */
  abort(): void {
    if (this.#over) return;
    this.#cancelOpen();
    this.#finish();
    resetConnection(this.#downstream);
    if (this.#upstream !== null) resetConnection(this.#upstream);
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#plan.closed(this.#received, this.#sent);
    this.#onOver();
  }
}

/** One direction. A slow reader pauses the sender: at most the sockets' own buffers are held. */
function copy(from: Socket, to: Socket, writable: boolean, count: (length: number) => void): void {
  if (from.readableEnded) {
    to.end();
    return;
  }
  from.on('data', chunk => {
    count(chunk.length);
    if (!to.write(chunk)) from.pause();
  });
  from.on('end', () => to.end());
  to.on('drain', () => from.resume());
  if (writable) from.resume();
}
