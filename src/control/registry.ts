/** The registry: what runs, as the engine and the sidecars tell it. A pure reducer and a small holder. */
import type { AppState } from '../snapshot/channel.ts';

/** One pod as the daemon saw it on the engine. */
export interface PodView {
  /** `reviews-v1-1` */
  readonly workload: string;
  readonly service: string;
  /** `''` where the service has no versions. */
  readonly version: string;
  readonly kind: 'sidecar' | 'gateway';
  /** IPv4 of the pod; `null` while it does not run. */
  readonly address: string | null;
  /** Port on 127.0.0.1 that leads to the sidecar's control port; `null` while it does not run. */
  readonly controlPort: number | null;
  /** State of the app container; a gateway has none: `running` while its sidecar runs. */
  readonly app: 'absent' | 'running' | 'stopped';
  readonly health: 'none' | 'starting' | 'healthy' | 'unhealthy';
}

/** `ready`: takes traffic. `unhealthy`: listens, but its health check fails. `starting`: not yet, or between two lives. `gone`: to be forgotten. */
export type WorkloadState = 'starting' | 'ready' | 'unhealthy' | 'gone';

/** A workload with all that is known of it. */
export interface RegisteredWorkload {
  readonly name: string;
  readonly service: string;
  readonly version: string;
  readonly kind: 'sidecar' | 'gateway';
  readonly address: string | null;
  readonly controlPort: number | null;
  readonly state: WorkloadState;
  /** Ports that the sidecar saw the app listen on, ascending; `null` before the sidecar said anything. */
  readonly listening: readonly number[] | null;
}

/** Something observed. */
export type RegistryChange =
  /** All pods of the project. */
  | { readonly kind: 'pods'; readonly pods: readonly PodView[] }
  /** A sidecar said hello: all that it knows of its app. */
  | { readonly kind: 'apps'; readonly workload: string; readonly apps: readonly AppState[] }
  /** One port of an app began or stopped to accept connections. */
  | { readonly kind: 'app'; readonly workload: string; readonly app: AppState };

/** All facts, by workload. */
export interface RegistryState {
  readonly pods: ReadonlyMap<string, PodView>;
  readonly listening: ReadonlyMap<string, ReadonlySet<number>>;
}

/** Nothing observed yet. */
export const emptyRegistry: RegistryState = { pods: new Map(), listening: new Map() };

/** The next state. What sidecars said is kept while their channel is away: a daemon that restarts or a channel that breaks moves no traffic. */
export function observe(state: RegistryState, change: RegistryChange): RegistryState {
  switch (change.kind) {
    case 'pods': {
      const pods = new Map(change.pods.map(pod => [pod.workload, pod]));
      // A pod whose app stopped, or that has another address, begins anew; what was known of its ports is no longer true.
      const listening = new Map(
        [...state.listening].filter(([name]) => {
          const pod = pods.get(name);
          return pod !== undefined && pod.app !== 'stopped' && samePod(pod, state.pods.get(name));
        }),
      );
      return { pods, listening };
    }
    case 'apps': {
      const ports = change.apps.filter(app => app.listening).map(app => app.port);
      return { ...state, listening: new Map(state.listening).set(change.workload, new Set(ports)) };
    }
    case 'app': {
      const ports = new Set(state.listening.get(change.workload));
      if (change.app.listening) ports.add(change.app.port);
      else ports.delete(change.app.port);
      return { ...state, listening: new Map(state.listening).set(change.workload, ports) };
    }
  }
}

/** Pods may be heard of by their sidecar before the engine's listing shows them: no earlier pod is no contradiction. */
function samePod(now: PodView, before: PodView | undefined): boolean {
  return before === undefined || before.address === null || now.address === before.address;
}

/** All workloads, sorted by name. */
export function workloadsOf(state: RegistryState): readonly RegisteredWorkload[] {
  return [...state.pods.values()]
    .map(pod => {
      const ports = state.listening.get(pod.workload) ?? null;
      return {
        name: pod.workload,
        service: pod.service,
        version: pod.version,
        kind: pod.kind,
        address: pod.address,
        controlPort: pod.controlPort,
        state: stateOf(pod, ports),
        listening: ports === null ? null : [...ports].sort((a, b) => a - b),
      };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function stateOf(pod: PodView, ports: ReadonlySet<number> | null): WorkloadState {
  if (pod.address === null) return 'gone';
  if (pod.kind === 'gateway') return 'ready';
  if (pod.app !== 'running') return 'starting';
  // A sidecar that was not heard yet with an app that runs: a daemon that has just come back. What served goes on serving.
  if (ports !== null && ports.size === 0) return 'starting';
  if (pod.health === 'unhealthy') return 'unhealthy';
  return pod.health === 'starting' ? 'starting' : 'ready';
}

/** Holds the state and tells who wants to know. */
export class Registry {
  #state: RegistryState = emptyRegistry;
  #workloads: readonly RegisteredWorkload[] = [];
  readonly #onChange: () => void;

  /** `onChange` is called after each change of something visible in `workloads`. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Sorted by name. */
  get workloads(): readonly RegisteredWorkload[] {
    return this.#workloads;
  }

  /** The pods as last observed. */
  get pods(): readonly PodView[] {
    return [...this.#state.pods.values()];
  }

  /** Whether the app container of a workload runs, listening or not. */
  appRuns(workload: string): boolean {
    return this.#state.pods.get(workload)?.app === 'running';
  }

  /** Takes it in. */
  observe(change: RegistryChange): void {
    this.#state = observe(this.#state, change);
    const next = workloadsOf(this.#state);
    if (JSON.stringify(next) === JSON.stringify(this.#workloads)) return;
    this.#workloads = next;
    this.#onChange();
  }
}
