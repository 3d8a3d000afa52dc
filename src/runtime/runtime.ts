/**
 * The runtime as the daemon and the CLI see it. `observe → reconcile → plan → execute`; nothing here knows the control plane:
 * whatever has to wait for a sidecar is handed in as `RuntimeHooks`.
 */
import type { MeshConfig } from '../config/mesh-config.ts';
import type { ExecRequest } from './docker.ts';

/** One workload that runs (or ran): a pod as observed on the engine. */
export interface ObservedPod {
  /** `reviews-v1-1` */
  readonly workload: string;
  readonly service: string;
  readonly version: string;
  readonly kind: 'service' | 'gateway';
  /** 1-based. */
  readonly replica: number;
  readonly pause: ObservedContainer | null;
  readonly sidecar: ObservedContainer | null;
  readonly app: ObservedContainer | null;
  /** IPv4 on the mesh network; `null` while the pause container does not run. */
  readonly address: string | null;
  /** Port on 127.0.0.1 that leads to the sidecar's control port; `null` while not running. */
  readonly controlPort: number | null;
}

/** A container of a pod, as last listed. */
export interface ObservedContainer {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly state: 'created' | 'running' | 'paused' | 'restarting' | 'exited' | 'dead' | 'removing';
  readonly health: 'none' | 'starting' | 'healthy' | 'unhealthy';
  readonly exitCode: number | null;
  readonly oomKilled: boolean;
  readonly startedAt: string;
  /** Hash of the part of the configuration it was made from. */
  readonly configHash: string;
}

/** One step of a plan. */
export interface Operation {
  readonly kind:
    | 'create-network'
    | 'create-volume'
    | 'pull-image'
    | 'build-image'
    | 'make-sidecar-image'
    | 'make-pause-image'
    | 'create-pod'
    | 'start-pod'
    /** A job ended: its sidecar and network go too. */
    | 'stop-pod'
    | 'repair-pod'
    | 'recreate-pod'
    | 'remove-pod'
    | 'remove-network'
    | 'remove-volume';
  /** What it is done to: workload, image, network or volume name. */
  readonly target: string;
  /** Why, in words a user understands: `new`, `image changed`, `no longer in mesh.yaml`. */
  readonly cause: string;
  /** Only of a pod whose image is got first: what is done instead when the app already has that image; `null`: nothing. */
  readonly ifSameImage?: Pick<Operation, 'kind' | 'cause'> | null;
}

/** Printable: one line per operation, stable order. Empty when desired equals observed. */
export interface Plan {
  readonly project: string;
  readonly operations: readonly Operation[];
}

/** How an operation goes on. */
export type Progress =
  | { readonly kind: 'start' | 'done'; readonly operation: Operation; readonly detail: string }
  | { readonly kind: 'progress'; readonly operation: Operation; readonly detail: string }
  | { readonly kind: 'failed'; readonly operation: Operation; readonly detail: string };

/** What the public environment of a sidecar is made from. */
export interface SidecarFacts {
  readonly workload: string;
  readonly service: string;
  readonly kind: 'service' | 'gateway';
  /** With `account`: whose certificate it asks for. */
  readonly namespace: string;
  readonly account: string;
}

/** Where the runtime has to wait for the planes. */
export interface RuntimeHooks {
  /** Public environment for the sidecar of a workload (see snapshot/channel `sidecarEnv`). */
  sidecarEnvironment(pod: SidecarFacts): Readonly<Record<string, string>>;
  /** Resolves when the sidecar of the pod serves (first snapshot acked). Called after its container started, before the app starts. */
  sidecarReady(pod: ObservedPod, signal: AbortSignal): Promise<void>;
  /** Called when all images are there, before any pod is made. */
  imagesReady?(): Promise<void>;
  /** Resolves when the app accepts connections or, for an app without ports, at once. Rejects when `signal` aborts. */
  appListening(workload: string, signal: AbortSignal): Promise<void>;
}

/** What the carrying out of a plan needs. */
export interface ExecuteOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (event: Progress) => void;
  readonly hooks: RuntimeHooks;
  /** Build images even when the tag exists. */
  readonly build: boolean;
}

/** What is asked for beyond the configuration. */
export interface PlanOptions {
  /** Build images even when the tag exists. @default false */
  readonly build?: boolean;
  /** A user asks (`mesh up`), not the daemon's loop: ended apps start again, moved tags count, `pull: always` pulls. @default false */
  readonly initial?: boolean;
  /** When given, pods whose sidecar was made with another environment (a new CA, another account) are recreated. */
  readonly sidecarEnvironment?: RuntimeHooks['sidecarEnvironment'];
}

/** A piece of a container's output. */
export interface LogPiece {
  readonly workload: string;
  readonly role: 'app' | 'sidecar';
  readonly stream: 'stdout' | 'stderr';
  /** As the engine sends it: usually whole lines; a terminal's output is raw. */
  readonly data: Buffer;
}

/** Whose output is wanted, and how much of it. */
export interface LogRequest {
  /** Workloads or services; empty: all. */
  readonly targets: readonly string[];
  readonly roles: readonly ('app' | 'sidecar')[];
  readonly follow: boolean;
  /** Unix seconds or RFC 3339; empty: from the beginning. */
  readonly since: string;
  /** Last lines of each container; `null`: all. */
  readonly tail: number | null;
  readonly timestamps: boolean;
  readonly signal: AbortSignal;
}

/** One project's containers on one engine. */
export interface Runtime {
  /** One listing of the project's pods, sorted by workload. */
  observe(): Promise<readonly ObservedPod[]>;
  /** @throws RuntimeError: image missing where none may be fetched, volume missing, project of the same name in another folder. */
  plan(config: MeshConfig, options?: PlanOptions): Promise<Plan>;
  /** Carries the plan out; waits for sidecars and `depends_on`. Rejects with a `RuntimeError` at the first failure after unwinding nothing. */
  execute(config: MeshConfig, plan: Plan, options: ExecuteOptions): Promise<void>;
  /** TCP ports that images expose; absent images are left out. */
  exposedPorts(images: readonly string[]): Promise<ReadonlyMap<string, readonly number[]>>;
  /** Calls back after any container event of the project, coalesced, and after every reconnect to the engine. */
  watch(onChange: () => void, onConnection: (state: 'connected' | 'lost', reason: string) => void): AsyncDisposable;
  /** Stops containers of the project, apps first. */
  stop(options: { readonly signal: AbortSignal }): Promise<void>;
  /** Removes all that the project made and nothing else. Needs no mesh.yaml. Named volumes only with `volumes`. */
  down(options: { readonly volumes: boolean; readonly onProgress: (line: string) => void }): Promise<void>;
  /** Output of containers, merged as it comes. Ends when all have ended, or by the signal. */
  logs(request: LogRequest): AsyncIterable<LogPiece>;
  /** Runs a command in the app container of a workload (or of a service's first pod); the command's exit code. */
  exec(target: string, request: ExecRequest): Promise<number>;
  /** Restarts the apps of workloads or services (all: empty); sidecars stay. */
  restart(targets: readonly string[], options: { readonly signal: AbortSignal }): Promise<void>;
  /**
   * Output of a sidecar so far as whole text, from its start `since` (RFC 3339, its `startedAt`) and a few seconds before: the engine notes
   * the start late. Of lines that a former process may have written too (the control key), the last one counts.
   */
  readSidecarLog(containerId: string, since: string): Promise<string>;
}
