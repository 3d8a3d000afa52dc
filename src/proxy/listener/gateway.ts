import type { Socket } from 'node:net';
import type { Clock } from '../../async/clock.ts';
import type { GatewayListener, Snapshot } from '../../snapshot/snapshot.ts';
import type { DataPlane } from '../data-plane.ts';
import type { Overload } from '../overload.ts';
import type { RefusalReason } from '../sidecar-stats.ts';
import type { CertificateStore } from '../tls/certificate-store.ts';
import { GatewayTlsServer } from '../tls/gateway-tls.ts';
import { VouchedConnections } from '../tls/vouched-connections.ts';
import type { WorkloadIdentity } from '../tls/workload-identity.ts';
import { type Binding, bind } from './bind.ts';
import type { DescriptorLimit } from './descriptor-limit.ts';
import { downstreamOf, nothingRead, plainDownstream } from './downstream.ts';
import type { Refuse } from './refusal.ts';

interface OpenPort {
  readonly binding: Binding;
  /** Connections that came before the rules for this port were in place. */
  readonly early: Socket[];
}

/** What gateway listeners work with. */
export interface GatewayDeps {
  readonly dataPlane: DataPlane;
  /** Addresses to listen at. */
  readonly hosts: readonly string[];
  readonly certificates: CertificateStore;
  readonly identity: WorkloadIdentity;
  readonly clock: Clock;
  readonly refuse: Refuse;
  readonly overload: Overload;
  readonly descriptors: DescriptorLimit;
}

interface Ending {
  /** `GatewayListener.tls` and protocol: while they stay, so does the server, with what it knows of sessions. */
  readonly key: string;
  readonly server: GatewayTlsServer;
}

/** Ports that a snapshot adds, bound but not in use yet. Exactly one of the two must be called. */
export interface GatewayChange {
  /** Puts the new ports to use and stops listening on those that are gone; their open connections finish. */
  commit(): void;
  rollback(): void;
}

/** The ports at the edge of the mesh, following the snapshots. */
export class GatewayListeners {
  readonly #deps: GatewayDeps;
  readonly #open = new Map<number, OpenPort>();
  /** By port: those that end TLS. */
  readonly #endings = new Map<number, Ending>();
  /** Connections with certificates of the mesh's own CA. */
  readonly #vouched: VouchedConnections;

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
    this.#vouched = new VouchedConnections(deps.identity, deps.clock);
    deps.identity.onReplaced(() => {
      for (const { server } of this.#endings.values()) server.renew();
    });
  }

  /** Ports that are listened on. */
  get ports(): readonly number[] {
    return [...this.#open.keys()];
  }

  /**
   * Binds what `snapshot` adds.
   * @throws Error naming the port that cannot be had; nothing has changed then
   */
  async prepare(snapshot: Snapshot): Promise<GatewayChange> {
    const wanted = new Set(snapshot.gateway.map(listener => listener.port));
    const added = new Map<number, OpenPort>();
    const rollback = (): void => {
      for (const { binding, early } of added.values()) {
        binding.close();
        for (const socket of early) socket.destroy();
      }
    };
    for (const port of wanted) {
      if (this.#open.has(port)) continue;
      try {
        const early: Socket[] = [];
        const binding = await bind(this.#deps.hosts, port, socket => {
          if (this.#open.has(port)) this.#serve(socket, port);
          else early.push(socket);
        });
        added.set(port, { binding, early });
      } catch (error) {
        rollback();
        const code = (error as NodeJS.ErrnoException).code ?? String(error);
        throw new Error(`gateway port ${port} cannot be opened: ${code === 'EADDRINUSE' ? 'it is in use' : code}`);
      }
    }
    return { rollback, commit: () => this.#commit(snapshot.gateway, added) };
  }

  #commit(listeners: readonly GatewayListener[], added: ReadonlyMap<number, OpenPort>): void {
    const wanted = new Set(listeners.map(listener => listener.port));
    this.#endTls(listeners);
    for (const [port, { binding }] of this.#open) {
      if (wanted.has(port)) continue;
      binding.close();
      this.#open.delete(port);
    }
    for (const [port, opened] of added) {
      this.#open.set(port, opened);
      for (const socket of opened.early.splice(0)) this.#serve(socket, port);
    }
  }

  #endTls(listeners: readonly GatewayListener[]): void {
    const wanted = new Map(listeners.map(listener => [listener.port, listener]));
    for (const [port, { key, server }] of this.#endings) {
      if (keyOf(wanted.get(port)) === key) continue;
      server.close();
      this.#endings.delete(port);
    }
    for (const listener of listeners) {
      if (listener.tls === undefined || this.#endings.has(listener.port)) continue;
      const protocols = listener.protocol === 'http' ? httpProtocols : [];
      const server = new GatewayTlsServer(listener.tls, protocols, this.#deps);
      this.#endings.set(listener.port, { key: keyOf(listener), server });
    }
  }

  #serve(socket: Socket, port: number): void {
    const { dataPlane, refuse, overload, descriptors } = this.#deps;
    if (descriptors.spentBy(socket)) {
      refuse(socket, { reason: 'descriptors', port });
      return;
    }
    const destination = { address: socket.localAddress ?? '', port };
    const ending = this.#endings.get(port);
    if (ending === undefined) {
      dataPlane.gateway(plainDownstream(socket, nothingRead, destination));
      return;
    }
    if (!overload.admitsHandshake()) {
      refuse(socket, { reason: 'overload', port });
      return;
    }
    ending.server.accept(
      socket,
      ({ stream, serverName, client }) => {
        const { peer = null, root = null } = client ?? {};
        if (peer !== null && root !== null) this.#vouched.add(socket, [root], () => dataPlane.forsake(peer));
        dataPlane.gateway({
          ...downstreamOf(stream, socket, nothingRead, destination, peer),
          serverName,
          ...(client === null ? {} : { clientCertificate: client.element }),
        });
      },
      detail => refuse(socket, { reason: reasonOf(detail), detail, port }),
    );
  }

  /** Listens no more. */
  close(): void {
    for (const { binding } of this.#open.values()) binding.close();
    for (const { server } of this.#endings.values()) server.close();
    this.#open.clear();
    this.#endings.clear();
  }
}

/** What browsers and other clients choose from by ALPN. */
const httpProtocols = ['h2', 'http/1.1'];

function keyOf(listener: GatewayListener | undefined): string {
  return listener?.tls === undefined ? '' : JSON.stringify([listener.protocol, listener.tls]);
}

function reasonOf(detail: string): RefusalReason {
  if (detail.startsWith('client certificate')) return 'client_certificate';
  return detail === 'certificate_missing' || detail === 'plaintext' ? detail : 'tls_handshake';
}
