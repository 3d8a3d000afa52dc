import type { Deadlines } from '../../../async/deadline.ts';
import type { ByteStream } from '../byte-stream.ts';
import { Tunnel, type TunnelTimes } from './tunnel.ts';

/** As the connecting side. */
const pingMs = 10_000;
/** The connecting side ends a connection without streams after a minute; who leaves it open has forgotten it. */
const idleMs = 300_000;

/** Accepted connections whose peer chose the tunnel: each is a source of streams. */
export class TunnelAcceptor {
  readonly #times: TunnelTimes;
  readonly #onBroken: (problem: string) => void;
  readonly #tunnels = new Set<Tunnel>();
  #draining = false;
  #onNone: (() => void)[] = [];

  /** `onBroken` hears why a connection ended improperly. */
  constructor(deadlines: Deadlines, onBroken: (problem: string) => void) {
    this.#times = { pings: deadlines.of(pingMs), idle: deadlines.of(idleMs) };
    this.#onBroken = onBroken;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#tunnels.size;
  }

  /** Takes a connection; `onStream` gets its streams. */
  accept(connection: ByteStream, onStream: (stream: ByteStream) => void): void {
    const tunnel: Tunnel = new Tunnel(
      connection,
      {
        opened: onStream,
        closed: problem => {
          this.#tunnels.delete(tunnel);
          if (this.#tunnels.size === 0) for (const resolve of this.#onNone.splice(0)) resolve();
          if (problem !== '') this.#onBroken(problem);
        },
      },
      this.#times,
    );
    this.#tunnels.add(tunnel);
    if (this.#draining) tunnel.drain();
  }

  /** Asks peers to open no more streams; connections end with their last stream. */
  drain(): void {
    this.#draining = true;
    for (const tunnel of this.#tunnels) tunnel.drain();
  }

  /** Resolves when no connection is left. */
  whenNone(): Promise<void> {
    if (this.#tunnels.size === 0) return Promise.resolve();
    return new Promise(resolve => this.#onNone.push(resolve));
  }

  /** Ends every connection; their streams break. */
  destroy(): void {
    for (const tunnel of [...this.#tunnels]) tunnel.destroy();
  }
}
