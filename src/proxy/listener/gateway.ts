import type { Socket } from 'node:net';
import type { Snapshot } from '../../snapshot/snapshot.ts';
import type { DataPlane } from '../data-plane.ts';
import { type Binding, bind } from './bind.ts';
import { nothingRead, plainDownstream } from './downstream.ts';

interface OpenPort {
  readonly binding: Binding;
  /** Connections that came before the rules for this port were in place. */
  readonly early: Socket[];
}

/** Ports that a snapshot adds, bound but not in use yet. Exactly one of the two must be called. */
export interface GatewayChange {
  /** Puts the new ports to use and stops listening on those that are gone; their open connections finish. */
  commit(): void;
  rollback(): void;
}

/** The ports at the edge of the mesh, following the snapshots. */
export class GatewayListeners {
  readonly #dataPlane: DataPlane;
  readonly #hosts: readonly string[];
  readonly #open = new Map<number, OpenPort>();

  constructor(dataPlane: DataPlane, hosts: readonly string[]) {
    this.#dataPlane = dataPlane;
    this.#hosts = hosts;
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
        const binding = await bind(this.#hosts, port, socket => {
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
    return { rollback, commit: () => this.#commit(wanted, added) };
  }

  #commit(wanted: ReadonlySet<number>, added: ReadonlyMap<number, OpenPort>): void {
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

  #serve(socket: Socket, port: number): void {
    const address = socket.localAddress ?? '';
    this.#dataPlane.gateway(plainDownstream(socket, nothingRead, { address, port }));
  }

  /** Listens no more. */
  close(): void {
    for (const { binding } of this.#open.values()) binding.close();
    this.#open.clear();
  }
}
