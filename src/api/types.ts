/**
 * The admin API's documents. They are versioned and stand apart from the inner types on purpose: what is printed by `--json`
 * and read by the dashboard must not change because a module was tidied.
 */
import type { Diagnostic } from '../config/diagnostic.ts';
import type { MeshConfig } from '../config/mesh-config.ts';
import type { ClusterReport } from '../snapshot/channel.ts';
import type { ExplainRequest, Explanation } from '../snapshot/explanation.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { AccessCheckDocument, AccessMatrixDocument, SeenCallsDocument } from './access.ts';
import type { CaDocument, PersonCertificate, PersonRequest, RotationStep } from './ca.ts';
import type { DashboardDocument } from './dashboard.ts';
import type { EventText } from './event-text.ts';
import type { FaultStatus, FaultsApi } from './fault.ts';
import type { TapLine, TapRequest } from './tap.ts';
import type { TrafficApi } from './traffic.ts';

/** Raised when a field changes its meaning or goes away; new fields do not raise it. */
export const apiVersion = 1;

/** A diagnostic with its frame (source line and caret) already drawn, because only the daemon has the sources. */
export interface PrintedDiagnostic extends Diagnostic {
  readonly text: string;
}

/** One container of a pod. */
export interface ContainerStatus {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  /** Docker's word: `running`, `exited` … */
  readonly state: string;
  readonly health: 'none' | 'starting' | 'healthy' | 'unhealthy';
  readonly exitCode: number | null;
  readonly oomKilled: boolean;
  readonly startedAt: string;
}

/** One running instance, as the engine and the control plane see it. */
export interface WorkloadStatus {
  readonly name: string;
  readonly service: string;
  readonly version: string;
  readonly kind: 'service' | 'gateway';
  readonly replica: number;
  readonly address: string | null;
  readonly app: ContainerStatus | null;
  readonly sidecar: ContainerStatus | null;
  readonly pause: ContainerStatus | null;
  /** Ports that the app is meant to listen on; empty where no daemon was asked. */
  readonly ports: readonly number[];
  /** `null` where no daemon was asked. */
  readonly proxy: ProxyStatus | null;
}

/** How far a sidecar follows the control plane. */
export interface ProxyStatus {
  readonly state: 'SYNCED' | 'STALE' | 'NOT SENT' | 'DISCONNECTED';
  readonly connected: boolean;
  /** Version that the sidecar acked last, and the one that was sent last. */
  readonly acked: string | null;
  readonly sent: string | null;
  /** Reason of the last nack or of the lost channel; empty when all is well. */
  readonly reason: string;
  /** Ports that the app listens on, as its sidecar said last. */
  readonly listening: readonly number[];
  /** Expiry of the sidecar's SVID, ms since epoch. */
  readonly svidExpiresAtMs: number | null;
  /** The part of its SVID's life that is over and should not be, in (0, 1]; 0: it was renewed in time. */
  readonly svidLate: number;
}

/** What a reload came to. */
export interface ReloadResult {
  readonly ok: boolean;
  /** ISO 8601. */
  readonly at: string;
  /** From the first look at the files to the last ack. */
  readonly durationMs: number;
  /** From the moment the newest file was saved to the last ack, by the wall clock; `null` where no file tells. */
  readonly sinceSavedMs: number | null;
  /** `routing` touched no container, `services` did, `none` found nothing to change, `rejected` kept the last good one. */
  readonly kind: 'none' | 'routing' | 'services' | 'rejected';
  /** `2 routes changed, acked by 9 sidecars in 38 ms`. */
  readonly summary: string;
}

/** The answer of `mesh status`. */
export interface StatusDocument {
  readonly apiVersion: 1;
  readonly kind: 'Status';
  readonly project: string;
  readonly trustDomain: string;
  readonly daemon: {
    readonly pid: number;
    readonly version: string;
    readonly startedAt: string;
    readonly uptimeMs: number;
    readonly phase: Phase;
    /** Why the phase is what it is, for `degraded` and `failed`; else empty. */
    readonly reason: string;
    /** Of the admin API on loopback; `null` where there is only the unix socket. */
    readonly adminUrl: string | null;
  };
  readonly engine: { readonly state: 'connected' | 'lost'; readonly reason: string };
  readonly config: {
    readonly file: string;
    /** Content hash of the configuration in force. */
    readonly version: string;
    readonly lastReload: ReloadResult | null;
    /** An edit is being put in force; `lastReload` is of one before. Absent: none is. */
    readonly reloading?: true;
    /** Of the file as it is now; errors mean that the last good configuration serves. */
    readonly diagnostics: readonly PrintedDiagnostic[];
  };
  readonly workloads: readonly WorkloadStatus[];
  readonly gateways: readonly GatewayStatus[];
  /** Issuers of tokens whose keys are fetched. Absent: none. */
  readonly issuers?: readonly IssuerStatus[];
  /** Faults put on the running mesh. */
  readonly faults: readonly FaultStatus[];
}

/** Where the public keys of an issuer of tokens stand. */
export interface IssuerStatus {
  readonly issuer: string;
  readonly url: string;
  /** Keys in force; 0: its tokens are refused. */
  readonly keys: number;
  /** Why they could not be fetched the last time; the empty string: they could. */
  readonly problem: string;
}

/** `starting` until the first plan is carried out; `degraded` when something that should run does not. */
export type Phase = 'starting' | 'running' | 'degraded' | 'failed' | 'stopping';

/** A gateway and where it answers on this machine. */
export interface GatewayStatus {
  readonly name: string;
  readonly url: string;
}

/** One step of a plan. */
export interface PlannedOperation {
  readonly kind: string;
  readonly target: string;
  readonly cause: string;
}

/** What `up` would do now: `mesh up --dry-run --json`. */
export interface PlanDocument {
  readonly apiVersion: 1;
  readonly kind: 'Plan';
  readonly project: string;
  readonly operations: readonly PlannedOperation[];
}

/** The configuration in force, resolved: `GET /v1/config`. */
export interface ConfigDocument {
  readonly apiVersion: 1;
  readonly kind: 'Config';
  readonly version: string;
  readonly config: MeshConfig;
  /** As YAML, as `mesh config --running` prints it, with `***` for values of variables named like secrets and for passwords in URLs. */
  readonly text: string;
}

/** `config`: the running snapshot; `stats`: counters as text exposition; `state`: certificates, listeners, pools. */
export type ProxyQuery = 'config' | 'stats' | 'state';

/** Body of the `config` query: the snapshot a sidecar runs. */
export type RunningConfig = Snapshot;
/** Part of what `query state` gives. */
export type RunningState = { readonly clusters: readonly ClusterReport[] };

/** What a sidecar would do with a request: `mesh explain --json`. */
export interface ExplanationDocument extends Explanation {
  readonly apiVersion: 1;
  readonly kind: 'Explanation';
  readonly workload: string;
}

/** What happens in the daemon, in order. `seq` counts up by one, over restarts too. */
export type MeshEvent = {
  readonly seq: number;
  readonly at: string;
  /** In words, where it comes over the API. */
  readonly told?: EventText;
} & MeshEventBody;

/** From where: only events with a higher number, or only those since the daemon began. */
export type EventsFrom = number | 'run';

/** What an event tells, by kind. */
export type MeshEventBody =
  /** A daemon began; older events are those of daemons before. */
  | { readonly kind: 'started'; readonly version: string; readonly pid: number }
  | { readonly kind: 'phase'; readonly phase: Phase; readonly reason: string; readonly hint: string }
  | { readonly kind: 'plan'; readonly operations: readonly PlannedOperation[]; readonly cause: string }
  | {
      readonly kind: 'operation';
      readonly phase: 'start' | 'progress' | 'done' | 'failed';
      readonly operation: PlannedOperation;
      readonly detail: string;
    }
  | {
      readonly kind: 'ready';
      readonly gateways: readonly GatewayStatus[];
      readonly workloads: number;
      readonly durationMs: number;
    }
  /** All health checks of the running apps have passed; once per plan. */
  | { readonly kind: 'healthy' }
  | { readonly kind: 'reload'; readonly file: string; readonly result: ReloadResult }
  | { readonly kind: 'diagnostics'; readonly diagnostics: readonly PrintedDiagnostic[] }
  | { readonly kind: 'engine'; readonly state: 'connected' | 'lost'; readonly reason: string }
  | { readonly kind: 'fault'; readonly change: 'added' | 'removed' | 'expired'; readonly text: string }
  /** Of an issuer of tokens. */
  | { readonly kind: 'keys'; readonly change: 'refreshed' | 'unreachable'; readonly text: string }
  /** A step of a change of the root. */
  | { readonly kind: 'roots'; readonly text: string }
  /** Calls that access rules refused: at once, then once a minute while it goes on. */
  | { readonly kind: 'denied'; readonly from: string; readonly to: string; readonly calls: number }
  /** Sidecars stay with the configuration that they have: they refused another one. What many say alike is one event, here and below. */
  | { readonly kind: 'nack'; readonly workloads: readonly string[]; readonly reason: string }
  /** Workloads got certificates: at their start, at half of a certificate's life, with a new root. */
  | { readonly kind: 'certificates'; readonly workloads: readonly string[] }
  /** An endpoint gets no more traffic from these workloads (`ejected`: by outlier detection, `unhealthy`: by health checks), or gets it again. */
  | {
      readonly kind: 'endpoint';
      readonly change: 'ejected' | 'unhealthy' | 'healthy';
      readonly service: string;
      /** Workload, or the address of one outside the mesh. */
      readonly endpoint: string;
      readonly by: readonly string[];
    }
  /** Circuit breakers of these workloads refused so many requests or connections to a service. */
  | { readonly kind: 'overflow'; readonly service: string; readonly refused: number; readonly by: readonly string[] }
  | { readonly kind: 'workload'; readonly workload: string; readonly text: string }
  | { readonly kind: 'warning'; readonly message: string; readonly hint: string }
  /** Events before this number that the reader did not take in time. */
  | { readonly kind: 'gap'; readonly missed: number };

/** A failure that reached the API's edge. */
export interface ErrorDocument {
  readonly apiVersion: 1;
  readonly kind: 'Error';
  /** Stable kebab-case name: `engine-unreachable`, `port-taken`, `unknown-workload` … */
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/**
 * What can be asked of a running mesh. The daemon implements it and so does the client over the socket, so the CLI
 * does not know which of the two it holds.
 */
export interface MeshApi {
  status(): Promise<StatusDocument>;
  /** What would be done now; empty when desired equals observed. */
  plan(): Promise<PlanDocument>;
  /** Everything kept from there on, then, unless `follow` is `false`, what happens; ends with `signal` or with the daemon. */
  events(after: EventsFrom, signal: AbortSignal, follow?: boolean): AsyncIterable<MeshEvent>;
  config(): Promise<ConfigDocument>;
  query(workload: string, what: ProxyQuery): Promise<unknown>;
  /** Reads the files again now. */
  reload(): Promise<ReloadResult>;
  /** Ends the daemon; containers are stopped first when asked for. */
  stop(options: { readonly containers: boolean }): Promise<void>;
  /** Removes all that the project made, then ends the daemon. */
  down(options: { readonly volumes: boolean }, onLine: (line: string) => void): Promise<void>;
  /** What the sidecar of a service or gateway, or a workload, would do with a request. @throws MeshError `unknown-workload`, `no-config` */
  explain(from: string, request: ExplainRequest): Promise<ExplanationDocument>;
  /** Who may call whom by the rules in force. */
  accessMatrix(): Promise<AccessMatrixDocument>;
  /** All calls seen since the watch began, again every second for so long or until the signal, and once more at the end. The first question begins it. */
  seenCalls(forMs: number, signal: AbortSignal): AsyncIterable<SeenCallsDocument>;
  /** Whether a request would be let in where it leads. @throws MeshError `unknown-workload`, `no-config` */
  checkAccess(from: string, request: ExplainRequest): Promise<AccessCheckDocument>;
  /** What passed the mesh. */
  readonly traffic: TrafficApi;
  /** Live requests. @throws MeshError `unknown-service`, `too-many-taps`, `bad-tap` */
  tap(request: TapRequest, signal: AbortSignal): AsyncIterable<TapLine>;
  /**
   * A link to the dashboard; opens the API on loopback where it is not open. `port`: 0 is any free one, `null` the usual one; counts only then.
   * @throws MeshError `port-taken`, `no-dashboard`
   */
  openDashboard(port: number | null): Promise<DashboardDocument>;
  /** Roots, and who has which certificate. */
  ca(): Promise<CaDocument>;
  /** Changes the root, or joins a change under way; ends with it. The signal ends the watching only. @throws MeshError `pki` */
  rotateCa(signal: AbortSignal): AsyncIterable<RotationStep>;
  /** A certificate for a person or a test. @throws MeshError `bad-person` */
  issuePerson(request: PersonRequest): Promise<PersonCertificate>;
  /** Put on the running mesh. */
  readonly faults: FaultsApi;
  /** Text exposition in pieces: the daemon's own metrics, then those of all sidecars. @throws MeshError `too-many-scrapes` */
  metrics(): AsyncIterable<string>;
}
