/** Carries compiled snapshots to the sidecars: equal versions are skipped, answers are noted, and whoever waits learns when all have answered. */
import type { Clock } from '../async/clock.ts';
import { HoldOff, type HoldOffLimits } from '../async/hold-off.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { isSettled, mustSend, type PublishState, unpublished } from './publish-state.ts';

/** A change (config, pods, apps) whose last sidecar has answered. */
export interface Settlement {
  /** Workloads that run the wanted version. */
  readonly acked: readonly string[];
  readonly nacked: readonly string[];
  /** Workloads without a connection: they get the snapshot when they come back. */
  readonly away: readonly string[];
  /** From the first request of the burst to the last answer, ms, hold-off included. */
  readonly tookMs: number;
}

/** What a publisher needs from around it. */
export interface PublisherOptions {
  readonly clock: Clock;
  readonly holdOff?: HoldOffLimits;
  /** All snapshots for what is known now; `null` while too little is known to push anything. */
  readonly compile: () => ReadonlyMap<string, Snapshot> | null;
  /** Hands a snapshot to the workload's channel; `false` when it has none. */
  readonly send: (workload: string, snapshot: Snapshot) => boolean;
  /** After each recompute that gave somebody another version: those workloads. */
  readonly onPublished: (changed: readonly string[]) => void;
  readonly onSettled: (settlement: Settlement) => void;
}

/** A burst (a save, a pod's containers starting) is over after 5 ms; 25 ms at most are added to what a user waits for. */
const defaultHoldOff: HoldOffLimits = { quietMs: 5, maxMs: 25 };

/** One per mesh. */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #holdOff: HoldOff;
  #snapshots: ReadonlyMap<string, Snapshot> = new Map();
  readonly #states = new Map<string, PublishState>();
  #requestedAt: number | null = null;
  #waiting: ((settlement: Settlement) => void)[] = [];

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#holdOff = new HoldOff(options.holdOff ?? defaultHoldOff, options.clock, () => this.#publish());
  }

  /** Something changed: compile and push soon. */
  request(): void {
    this.#requestedAt ??= this.#options.clock.monotonic();
    this.#holdOff.request();
  }

  /** Snapshot that a workload should run. */
  wanted(workload: string): Snapshot | null {
    return this.#snapshots.get(workload) ?? null;
  }

  /** How a workload stands. */
  state(workload: string): PublishState {
    return this.#states.get(workload) ?? unpublished;
  }

  /** A channel stands; `running` is the version that the sidecar says it runs. */
  connected(workload: string, running: string | null): void {
    this.#update(workload, { connected: true, sent: null, acked: running, nack: null });
  }

  /** The channel is gone; the sidecar goes on with what it has. */
  lost(workload: string): void {
    this.#update(workload, { connected: false, sent: null });
  }

  /** The sidecar runs this version now. */
  acked(workload: string, version: string): void {
    this.#update(workload, { acked: version, nack: null });
  }

  /** The sidecar refused this version and runs on with the one before. */
  nacked(workload: string, version: string, reason: string): void {
    this.#update(workload, { nack: { version, reason } });
  }

  /** The workload is no more. */
  forget(workload: string): void {
    this.#states.delete(workload);
    this.#settle();
  }

  /** Resolves once nothing is on its way any more: every connected workload has answered for the version it should run. */
  settled(signal?: AbortSignal): Promise<Settlement> {
    if (this.#isSettled()) return Promise.resolve(this.#settlement());
    return new Promise((resolve, reject) => {
      const waiter = (settlement: Settlement): void => {
        signal?.removeEventListener('abort', abort);
        resolve(settlement);
      };
      const abort = (): void => {
        this.#waiting = this.#waiting.filter(other => other !== waiter);
        reject(signal?.reason);
      };
      if (signal?.aborted) return reject(signal.reason);
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.push(waiter);
    });
  }

  /** Forgets a push that is still to come. */
  close(): void {
    this.#holdOff.cancel();
  }

  #publish(): void {
    const compiled = this.#options.compile();
    if (compiled !== null) {
      this.#snapshots = compiled;
      for (const [workload, state] of this.#states) {
        if (!compiled.has(workload)) this.#states.set(workload, { ...state, wanted: null });
      }
      const changed = [...compiled].filter(([workload, { version }]) => this.state(workload).wanted !== version);
      // First all know what they should run, then it is sent: an early answer must not look like the last one.
      for (const [workload, { version }] of changed)
        this.#states.set(workload, { ...this.state(workload), wanted: version, nack: null });
      for (const [workload] of changed) this.#sendIfDue(workload);
      if (changed.length > 0) this.#options.onPublished(changed.map(([workload]) => workload));
    }
    this.#settle();
  }

  #update(workload: string, change: Partial<PublishState>): void {
    this.#states.set(workload, { ...this.state(workload), ...change });
    this.#sendIfDue(workload);
    this.#settle();
  }

  #sendIfDue(workload: string): void {
    const state = this.state(workload);
    const snapshot = this.#snapshots.get(workload);
    if (snapshot === undefined || !mustSend(state) || !this.#options.send(workload, snapshot)) return;
    this.#states.set(workload, { ...state, sent: snapshot.version });
  }

  #isSettled(): boolean {
    return !this.#holdOff.pending && [...this.#states.values()].every(isSettled);
  }

  #settle(): void {
    if (!this.#isSettled()) return;
    const settlement = this.#settlement();
    const wasRequested = this.#requestedAt !== null;
    this.#requestedAt = null;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve(settlement);
    if (wasRequested) this.#options.onSettled(settlement);
  }

  #settlement(): Settlement {
    const of = (wanted: (state: PublishState) => boolean) =>
      [...this.#states]
        .filter(([, state]) => wanted(state))
        .map(([workload]) => workload)
        .sort();
    return {
      acked: of(state => state.connected && state.wanted !== null && state.acked === state.wanted),
      nacked: of(state => state.connected && state.nack !== null),
      away: of(state => !state.connected),
      tookMs: this.#requestedAt === null ? 0 : this.#options.clock.monotonic() - this.#requestedAt,
    };
  }
}
