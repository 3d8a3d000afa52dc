import type { Socket } from 'node:net';
import type { Clock } from '../../async/clock.ts';
import { virtualNetwork } from '../../snapshot/ports.ts';
import type { OutboundListener, Snapshot } from '../../snapshot/snapshot.ts';
import type { DataPlane, TcpProxy } from '../data-plane.ts';
import type { OriginalDestination } from '../interception/original-destination.ts';
import type { SidecarStats } from '../sidecar-stats.ts';
import { sniff, sniffHttp } from '../sniff.ts';
import { downstreamOf, nothingRead, sniffMs } from './downstream.ts';
import { passthroughUpstream } from './passthrough.ts';
import type { Refuse } from './refusal.ts';

/** What an interception listener works with. */
export interface ListenerDeps {
  readonly clock: Clock;
  readonly dataPlane: DataPlane;
  readonly originalDestination: OriginalDestination;
  readonly tcpProxy: TcpProxy;
  readonly stats: SidecarStats;
  readonly refuse: Refuse;
}

/** Connections that the app opened, intercepted on 15001. */
export class OutboundAcceptor {
  readonly #deps: ListenerDeps;
  #listeners: ReadonlyMap<string, OutboundListener> = new Map();
  #egress: Snapshot['egress'] | null = null;

  constructor(deps: ListenerDeps) {
    this.#deps = deps;
  }

  /** New connections see `snapshot`. */
  apply(snapshot: Snapshot): void {
    this.#listeners = new Map(snapshot.outbound.map(listener => [`${listener.address}:${listener.port}`, listener]));
    this.#egress = snapshot.egress;
  }

  accept(socket: Socket): void {
    const { originalDestination, refuse, dataPlane, clock, tcpProxy, stats } = this.#deps;
    const destination = originalDestination(socket);
    if (destination === null) return refuse(socket, { reason: 'direct_call' });
    const { address, port } = destination;
    if (this.#egress === null) return refuse(socket, { reason: 'no_config', port });
    const listener = this.#listeners.get(`${address}:${port}`);
    if (listener === undefined) {
      // Nothing is ever routed to a virtual address: waiting for its timeout would only hide that the port is unknown.
      if (this.#egress === 'registry-only' || address.startsWith(`${virtualNetwork}.`)) {
        return refuse(socket, { reason: 'unknown_destination', detail: `BlackHoleCluster ${address}:${port}`, port });
      }
      stats.passthrough('PassthroughCluster');
      const upstream = passthroughUpstream('PassthroughCluster', destination, clock, () => {});
      return tcpProxy(downstreamOf(socket, socket, nothingRead, destination, null), upstream);
    }
    if (listener.protocol !== 'auto') return dataPlane.outbound(downstreamOf(socket, socket, nothingRead, destination, null));
    sniff(socket, nothingRead, sniffHttp, clock, sniffMs, bytes => {
      dataPlane.outbound(downstreamOf(socket, socket, bytes, destination, null));
    });
  }
}
