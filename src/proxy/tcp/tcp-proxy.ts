import type { Downstream, TcpProxy, TcpUpstream } from '../data-plane.ts';
import type { ByteStream } from '../transport/byte-stream.ts';
import { writeFrom } from '../transport/read-buffer.ts';

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

  /** Ends those that would not be let in any more. */
  closeRefused(isRefused: (downstream: Downstream) => boolean): void {
    for (const session of this.#open) if (isRefused(session.downstream)) session.abort();
  }

  /** Ends what is left. */
  closeAll(): void {
    for (const session of this.#open) session.abort();
  }
}

/** One connection: bytes both ways, a FIN passed on as a FIN, an RST as an RST. Either side may speak first. */
class TcpSession {
  readonly downstream: Downstream;
  readonly #downstream: ByteStream;
  readonly #initial: Buffer;
  readonly #plan: TcpUpstream;
  readonly #onOver: () => void;
  #upstream: ByteStream | null = null;
  #received = 0;
  #sent = 0;
  #cancelOpen = (): void => {};
  #over = false;
  #closedSides = 0;

  constructor(downstream: Downstream, plan: TcpUpstream, onOver: () => void) {
    this.downstream = downstream;
    this.#downstream = downstream.stream;
    this.#initial = downstream.initial;
    this.#plan = plan;
    this.#onOver = onOver;
  }

  start(): void {
    // Paused: until there is somebody to send to, only its end is of interest.
    this.#downstream.readBy({ bytes() {}, ended() {}, drained() {}, closed: () => this.abort() });
    let answered = false;
    const cancel = this.#plan.open(
      (upstream, spoken) => {
        answered = true;
        this.#cancelOpen = () => {};
        if (this.#over) upstream.destroy();
        else this.#connect(upstream, spoken);
      },
      () => {
        answered = true;
        this.abort();
      },
    );
    if (!answered) this.#cancelOpen = cancel;
    if (this.#downstream.destroyed) this.abort();
  }

  #connect(upstream: ByteStream, spoken: Buffer | undefined): void {
    this.#upstream = upstream;
    const downstream = this.#downstream;
    this.#received = this.#initial.length;
    this.#sent = spoken?.length ?? 0;
    const toUpstream = this.#initial.length === 0 || upstream.write(this.#initial);
    const toDownstream = spoken === undefined || downstream.write(spoken);
    this.#copy(downstream, upstream, toUpstream, length => {
      this.#received += length;
    });
    this.#copy(upstream, downstream, toDownstream, length => {
      this.#sent += length;
    });
  }

  /** One direction, and the room that the other one waits for. A slow reader pauses the sender: at most the streams' own buffers are held. */
  #copy(from: ByteStream, to: ByteStream, writable: boolean, count: (length: number) => void): void {
    from.readBy({
      bytes: (bytes, start, end) => {
        count(end - start);
        if (!writeFrom(to, bytes, start, end)) from.pause();
      },
      ended: () => to.end(),
      drained: () => to.resume(),
      closed: failed => this.#sideClosed(failed),
    });
    if (from.ended) to.end();
    else if (writable) from.resume();
  }

  /** One side is gone. After both ends that is the end; without them the other side must not take it for one. */
  #sideClosed(failed: boolean): void {
    this.#closedSides++;
    if (failed) this.abort();
    else if (this.#closedSides === 2) this.#finish();
  }

  /** Resets whatever is open. */
  abort(): void {
    if (this.#over) return;
    this.#cancelOpen();
    this.#finish();
    this.#downstream.reset();
    this.#upstream?.reset();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#plan.closed(this.#received, this.#sent);
    this.#onOver();
  }
}
