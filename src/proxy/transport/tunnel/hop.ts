import type { Cluster, Endpoint } from '../../../snapshot/snapshot.ts';
import type { ConnectFailure } from '../../data-plane.ts';
import type { ByteStream } from '../byte-stream.ts';
import { tunnelProtocol } from './frame.ts';
import { Tunnel, type TunnelTimes } from './tunnel.ts';
import type { Dialer } from './tunnel-connector.ts';

/** What a hop is made of. */
export interface HopParts extends TunnelTimes {
  readonly dialer: Dialer;
  readonly streamsPerConnection: number;
  /** Nothing is left that is worth keeping. */
  readonly unused: (hop: Hop) => void;
}

/** Somebody who wants a stream. */
export interface Wish {
  readonly cluster: Cluster;
  readonly endpoint: Endpoint;
  readonly resettable: boolean;
  readonly onConnected: (stream: ByteStream) => void;
  readonly onFailed: (failure: ConnectFailure, detail: string) => void;
}

/** A connection in the making, with those who will share it. */
interface Dial {
  readonly waiting: Set<Wish>;
  giveUp: () => void;
}

/** The way to one endpoint: its tunnels, and who waits for one that is being made. */
export class Hop {
  readonly #parts: HopParts;
  readonly #tunnels: Tunnel[] = [];
  readonly #dials = new Set<Dial>();
  /** They get their stream in a moment. */
  readonly #ready = new Set<Wish>();
  /** The peer wants a connection per stream. It is asked again with each of them, so a changed mind is noticed. */
  #single = false;
  #retired = false;

  constructor(parts: HopParts) {
    this.#parts = parts;
  }

  /** Connections that carry streams. */
  get connections(): number {
    return this.#tunnels.length;
  }

  /** Calls one of the callbacks, once, later. The returned function gives up. */
  connect(wish: Wish): () => void {
    if (this.#roomy() === null) this.#join(wish);
    else {
      this.#ready.add(wish);
      process.nextTick(() => {
        if (!this.#ready.delete(wish)) return;
        const tunnel = this.#roomy();
        if (tunnel === null) this.#join(wish);
        else wish.onConnected(tunnel.open());
      });
    }
    return () => this.#forget(wish);
  }

  /** The tunnels end with their last stream. */
  retire(): void {
    this.#retired = true;
    for (const tunnel of [...this.#tunnels]) tunnel.drain();
  }

  /** Ends everything; streams break. */
  destroy(): void {
    for (const dial of [...this.#dials]) {
      dial.giveUp();
      this.#failed(dial, 'reset', 'the sidecar stops');
    }
    for (const tunnel of [...this.#tunnels]) tunnel.destroy();
  }

  #roomy(): Tunnel | null {
    for (const tunnel of this.#tunnels) if (tunnel.usable && tunnel.streams < this.#parts.streamsPerConnection) return tunnel;
    return null;
  }

  #join(wish: Wish): void {
    if (!this.#single)
      for (const { waiting } of this.#dials)
        if (waiting.size < this.#parts.streamsPerConnection) {
          waiting.add(wish);
          return;
        }
    const { cluster, endpoint, resettable } = wish;
    const dial: Dial = { waiting: new Set([wish]), giveUp: () => {} };
    this.#dials.add(dial);
    dial.giveUp = this.#parts.dialer.dial(
      cluster,
      endpoint,
      resettable,
      tunnelProtocol,
      (stream, chosen) => this.#connected(dial, stream, chosen),
      (failure, detail) => this.#failed(dial, failure, detail),
    );
  }

  #forget(wish: Wish): void {
    this.#ready.delete(wish);
    for (const dial of this.#dials)
      if (dial.waiting.delete(wish) && dial.waiting.size === 0) {
        this.#dials.delete(dial);
        dial.giveUp();
        this.#checkUse();
      }
  }

  #connected(dial: Dial, stream: ByteStream, chosen: boolean): void {
    this.#dials.delete(dial);
    this.#single = !chosen;
    const wishes = [...dial.waiting];
    if (chosen) {
      const tunnel: Tunnel = new Tunnel(stream, { closed: () => this.#lost(tunnel) }, this.#parts);
      this.#tunnels.push(tunnel);
      for (const wish of wishes) if (dial.waiting.delete(wish)) wish.onConnected(tunnel.open(false));
      if (this.#retired) tunnel.drain();
      return;
    }
    const [first, ...others] = wishes;
    dial.waiting.clear();
    for (const wish of others) this.#join(wish);
    first?.onConnected(stream);
  }

  #failed(dial: Dial, failure: ConnectFailure, detail: string): void {
    this.#dials.delete(dial);
    for (const wish of [...dial.waiting]) if (dial.waiting.delete(wish)) wish.onFailed(failure, detail);
    this.#checkUse();
  }

  #lost(tunnel: Tunnel): void {
    this.#tunnels.splice(this.#tunnels.indexOf(tunnel), 1);
    this.#checkUse();
  }

  #checkUse(): void {
    if (this.#tunnels.length === 0 && this.#dials.size === 0 && this.#ready.size === 0 && !this.#single) this.#parts.unused(this);
  }
}
