import type { Socket } from 'node:net';
import type { Clock } from '../../async/clock.ts';
import { ports, virtualNetwork } from '../../snapshot/ports.ts';
import type { EgressPolicy, Snapshot } from '../../snapshot/snapshot.ts';
import type { DataPlane, TcpProxy } from '../data-plane.ts';
import type { OriginalDestination } from '../interception/original-destination.ts';
import type { SidecarStats } from '../sidecar-stats.ts';
import { outboundKey } from '../tables.ts';
import type { DescriptorLimit } from './descriptor-limit.ts';
import { nothingRead, plainDownstream } from './downstream.ts';
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
  readonly descriptors: DescriptorLimit;
}

/** Connections that the app opened, intercepted on 15001. */
export class OutboundAcceptor {
  readonly #deps: ListenerDeps;
  #known: ReadonlySet<string> = new Set();
  /** `null` before the first snapshot. */
  #egress: EgressPolicy | null = null;
  /** Addresses of the pods that the app scrapes. */
  #scraped: ReadonlySet<string> = new Set();

  constructor(deps: ListenerDeps) {
    this.#deps = deps;
  }

  /** New connections see `snapshot`. */
  apply(snapshot: Snapshot): void {
    this.#known = new Set(snapshot.outbound.map(({ address, port }) => outboundKey(address, port)));
    this.#egress = snapshot.egress;
    this.#scraped = new Set(snapshot.scrapes === true ? snapshot.peers?.map(peer => peer.address) : []);
  }

  /** Takes a connection as it was accepted: nothing read. */
  accept(socket: Socket): void {
    const { originalDestination, refuse, dataPlane, stats, descriptors, tcpProxy, clock } = this.#deps;
    if (descriptors.spentBy(socket)) {
      refuse(socket, { reason: 'descriptors' });
      return;
    }
    const destination = originalDestination(socket);
    if (destination === null) {
      refuse(socket, { reason: 'direct_call' });
      return;
    }
    const { address, port } = destination;
    const known = this.#known.has(outboundKey(address, port));
    if (this.#egress === null) refuse(socket, { reason: 'no_config', port });
    else if (port === ports.stats && this.#scraped.has(address)) {
      // Sidecars' own port, whose owner knows who may read it: no call of a service, so no rule speaks of it and nobody counts it.
      tcpProxy(plainDownstream(socket, nothingRead, destination), passthroughUpstream('scrape', destination, clock));
    } else if (!known && address.startsWith(`${virtualNetwork}.`)) {
      // Nothing is ever routed to a virtual address: waiting for its timeout would only hide that the port is unknown.
      refuse(socket, { reason: 'unknown_destination', detail: `BlackHoleCluster ${address}:${port}`, port });
    } else {
      if (!known && this.#egress === 'allow-any') stats.passthrough('PassthroughCluster');
      dataPlane.outbound(plainDownstream(socket, nothingRead, destination));
    }
  }
}
