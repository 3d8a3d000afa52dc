import type { Clock } from '../async/clock.ts';
import type { MeshConfig } from '../config/mesh-config.ts';
import type { ObservedPod, Plan, Progress, Runtime, RuntimeHooks } from '../runtime/runtime.ts';
import type { ControlPort } from './control-port.ts';
import type { EventLog } from './event-log.ts';
import { noticeable } from './pod-report.ts';

/** A sidecar that has its configuration answers in milliseconds; one that is silent for this long is reported, not waited for. */
const adoptionTimeoutMs = 15_000;

/** Brings what runs and what is asked for together: the engine on one side, the control plane on the other. */
export class Convergence {
  readonly #runtime: Runtime;
  readonly #control: ControlPort;
  readonly #events: EventLog;
  readonly #clock: Clock;
  readonly #onImages: (config: MeshConfig) => Promise<void>;
  #pods: readonly ObservedPod[] = [];
  #listing: Promise<void> | null = null;
  #again = false;
  readonly #newer = new Map<string, ObservedPod>();

  constructor(parts: {
    readonly runtime: Runtime;
    readonly control: ControlPort;
    readonly events: EventLog;
    readonly clock: Clock;
    /** All images that the configuration needs are there. */
    readonly onImages: (config: MeshConfig) => Promise<void>;
  }) {
    this.#runtime = parts.runtime;
    this.#control = parts.control;
    this.#events = parts.events;
    this.#clock = parts.clock;
    this.#onImages = parts.onImages;
  }

  /** As last observed. */
  get pods(): readonly ObservedPod[] {
    return this.#pods;
  }

  /** Lists the pods and tells the control plane. Calls during a listing share the next one, which sees what they saw. */
  refresh(): Promise<void> {
    if (this.#listing !== null) {
      this.#again = true;
      return this.#listing;
    }
    this.#listing = this.#list().finally(() => {
      this.#listing = null;
    });
    return this.#listing;
  }

  async #list(): Promise<void> {
    do {
      this.#again = false;
      this.#newer.clear();
      const listed = await this.#runtime.observe();
      // What a hook was told during the listing is younger than the listing.
      const pods = [...listed.filter(pod => !this.#newer.has(pod.workload)), ...this.#newer.values()];
      for (const news of noticeable(this.#pods, pods)) this.#events.emit({ kind: 'workload', ...news });
      this.#pods = pods;
      this.#control.setPods(pods);
    } while (this.#again);
  }

  /** Carries a plan out and waits until every sidecar serves. */
  async execute(
    config: MeshConfig,
    plan: Plan,
    options: { readonly build: boolean; readonly cause: string; readonly signal: AbortSignal },
  ): Promise<void> {
    const { build, cause, signal } = options;
    if (plan.operations.length > 0) {
      this.#events.emit({ kind: 'plan', operations: plan.operations, cause });
      const onProgress = ({ kind, operation, detail }: Progress): void =>
        this.#events.emit({ kind: 'operation', phase: kind, operation, detail });
      const hooks = { ...this.#hooks, imagesReady: () => this.#onImages(config) };
      await this.#runtime.execute(config, plan, { signal, onProgress, hooks, build });
    }
    await this.refresh();
    await this.#adopt(signal);
  }

  /** Sidecars that were there before connect again by themselves; one that does not is worth a word, not a failure. */
  async #adopt(signal: AbortSignal): Promise<void> {
    const late = new AbortController();
    const cancel = this.#clock.after(adoptionTimeoutMs, () => late.abort(new Error('the sidecar does not answer')));
    const either = AbortSignal.any([signal, late.signal]);
    const running = this.#pods.filter(pod => pod.sidecar?.state === 'running' && pod.controlPort !== null);
    try {
      const outcomes = await Promise.allSettled(running.map(pod => this.#control.whenReady(pod.workload, either)));
      signal.throwIfAborted();
      outcomes.forEach((outcome, index) => {
        const workload = running[index]?.workload ?? '';
        if (outcome.status === 'rejected')
          this.#events.emit({ kind: 'workload', workload, text: 'its sidecar has not taken a configuration yet' });
      });
    } finally {
      cancel();
    }
  }

  readonly #hooks: RuntimeHooks = {
    sidecarEnvironment: pod => this.#control.sidecarEnvironment(pod),
    sidecarReady: async (pod, signal) => {
      // Known at once rather than after the next listing: the start of every pod waits here.
      this.#newer.set(pod.workload, pod);
      this.#pods = [...this.#pods.filter(each => each.workload !== pod.workload), pod];
      this.#control.setPods(this.#pods);
      await this.#control.whenReady(pod.workload, signal);
    },
    appListening: async (workload, signal) => {
      await this.refresh();
      await this.#control.whenAppListening(workload, signal);
    },
  };
}
