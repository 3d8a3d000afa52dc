import type { EdgeRequests } from '../../telemetry/mesh-metrics.ts';
import type { Downstream, PeerIdentity } from '../data-plane.ts';
import { DownstreamConnection } from '../http1/downstream-connection.ts';
import { ServerConnection, type ServerParts } from '../http2/server-connection.ts';
import { Exchange } from './exchange.ts';
import type { ExchangeParts } from './exchange-parts.ts';
import type { ExchangeRole } from './exchange-role.ts';

/** A client's connection, whatever version of HTTP it speaks. */
interface ServedConnection {
  readonly role: ExchangeRole;
  /** Ends it as soon as no exchange is in the way. */
  drain(): void;
  /** Ends the exchanges at hand as well as that can be done now. */
  cutOff(): void;
  /** Ends what was a request, and is one no more. */
  cutTunnel(): void;
  /** Ends it now. */
  destroy(): void;
}

/** Answers given when the time is over get so long to leave. */
const lastWordsMs = 50;

/** All clients that speak HTTP with this sidecar, from their first byte to the end of the sidecar. */
export class ServedConnections {
  readonly #parts: ExchangeParts;
  readonly #http2: ServerParts;
  /** With who is at the other end. */
  readonly #connections = new Map<ServedConnection, PeerIdentity | null>();
  #draining = false;
  #stopped = false;
  #onEmpty: (() => void) | null = null;

  constructor(parts: Omit<ExchangeParts, 'draining'>) {
    this.#parts = { ...parts, draining: () => this.#draining };
    this.#http2 = { ...this.#parts, exchange: client => new Exchange(client, this.#parts) };
  }

  /** Connections that are open now, by where they came in. */
  get open(): { readonly inbound: number; readonly outbound: number; readonly gateway: number } {
    const open = { inbound: 0, outbound: 0, gateway: 0 };
    for (const { role } of this.#connections.keys())
      open[role.atEdge === true ? 'gateway' : role.callerSide ? 'outbound' : 'inbound']++;
    return open;
  }

  /** Connections of callers of the app, by the edge that counts their requests. */
  get openByEdge(): ReadonlyMap<EdgeRequests, number> {
    const open = new Map<EdgeRequests, number>();
    for (const { role } of this.#connections.keys())
      if (!role.callerSide) open.set(role.unrouted, (open.get(role.unrouted) ?? 0) + 1);
    return open;
  }

  /** Takes a connection. */
  serve(downstream: Downstream, role: ExchangeRole): void {
    if (this.#stopped) {
      downstream.stream.destroy();
      return;
    }
    const connection = new DownstreamConnection(downstream, role, this.#parts, this.#onClosed, initial =>
      this.#keep(new ServerConnection({ ...downstream, initial }, role, this.#http2, this.#onClosed), downstream.peer),
    );
    this.#keep(connection, downstream.peer);
  }

  /** Lets those finish whose listener the rules of this moment have no more. */
  drainUnlisted(): void {
    for (const connection of this.#connections.keys()) if (!connection.role.listed()) connection.drain();
  }

  /** Lets those finish that come from `peer`: the connection of this very object, with all of its streams. */
  drainPeer(peer: PeerIdentity): void {
    for (const [connection, from] of this.#connections) if (from === peer) connection.drain();
  }

  /** Ends the tunnels (WebSockets) of those whom the rules of this moment refuse whatever they send. Their next requests are refused one by one. */
  cutRefused(): void {
    for (const connection of this.#connections.keys()) if (connection.role.refused?.() === true) connection.cutTunnel();
  }

  /** Lets all finish; resolves when `quiet` has and none is left, or a little after `graceMs`. */
  drain(graceMs: number, quiet: Promise<void>): Promise<void> {
    const { clock } = this.#parts;
    this.#draining = true;
    for (const connection of this.#connections.keys()) connection.drain();
    return new Promise(resolve => {
      let over = false;
      const done = (): void => {
        if (over) return;
        over = true;
        this.#stopped = true;
        cancel();
        this.#onEmpty = null;
        for (const connection of this.#connections.keys()) connection.destroy();
        resolve();
      };
      let cancel = clock.after(graceMs, () => {
        for (const connection of this.#connections.keys()) connection.cutOff();
        cancel = clock.after(this.#connections.size === 0 ? 0 : lastWordsMs, done);
      });
      void quiet.then(() => {
        this.#onEmpty = done;
        if (this.#connections.size === 0) done();
      });
    });
  }

  #keep(connection: ServedConnection & { readonly over: boolean }, peer: PeerIdentity | null): void {
    if (!connection.over) this.#connections.set(connection, peer);
  }

  readonly #onClosed = (connection: ServedConnection): void => {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#onEmpty?.();
  };
}
