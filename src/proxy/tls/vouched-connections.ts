import type { Clock } from '../../async/clock.ts';
import type { WorkloadIdentity } from './workload-identity.ts';

/** What was begun on a connection may end there; then it is cut. Well inside the minute after which nobody of an old root is connected. */
const graceMs = 45_000;

/** A connection that can be cut. */
export interface Cuttable {
  destroy(): unknown;
  once(event: 'close', listener: () => void): unknown;
}

interface Vouched {
  /** Fingerprints of the roots that both ends' certificates come from. */
  readonly roots: readonly string[];
  readonly forsaken: () => void;
}

/** The open mTLS connections with the roots that vouched for them. They end when one of these is trusted no more. */
export class VouchedConnections {
  readonly #identity: WorkloadIdentity;
  readonly #clock: Clock;
  readonly #open = new Map<Cuttable, Vouched>();
  #trusted: readonly string[] = [];

  constructor(identity: WorkloadIdentity, clock: Clock) {
    this.#identity = identity;
    this.#clock = clock;
    identity.onReplaced(() => this.#judge());
  }

  /** Watches a connection until it closes. `forsaken`: called once, when it has to end: what is asked for from then on must not be asked for there. */
  add(connection: Cuttable, roots: readonly string[], forsaken: () => void = () => {}): void {
    this.#open.set(connection, { roots, forsaken });
    connection.once('close', () => this.#open.delete(connection));
  }

  /** All have to end, but nothing is cut: what they came with has expired. */
  forsakeAll(): void {
    for (const { forsaken } of this.#open.values()) forsaken();
  }

  #judge(): void {
    const trusted = this.#identity.svid?.trust.fingerprints ?? [];
    if (this.#trusted.every(root => trusted.includes(root))) {
      this.#trusted = trusted;
      return;
    }
    this.#trusted = trusted;
    const ending = [...this.#open].filter(([, { roots }]) => !roots.every(root => trusted.includes(root)));
    for (const [, { forsaken }] of ending) forsaken();
    this.#clock.after(graceMs, () => {
      for (const [connection] of ending) if (this.#open.has(connection)) connection.destroy();
    });
  }
}
