import type { MeshEventBody, ProxyQuery, ProxyStatus } from '../api/types.ts';
import type { MeshConfig } from '../config/mesh-config.ts';
import type { IssuerKeys } from '../control/compile/token.ts';
import type { ObservedWorkload } from '../control/control-plane.ts';
import type { LiveFault } from '../control/live-fault.ts';
import type { ObservedPod, SidecarFacts } from '../runtime/runtime.ts';
import type { ExplainRequest, Explanation } from '../snapshot/explanation.ts';
import type { JudgedCall, Judgement } from '../snapshot/judgement.ts';
import type { Observation, Observed } from '../snapshot/observation.ts';
import type { ObservedCalls } from '../snapshot/observed-call.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { TapOrder, Tapped } from '../snapshot/tap.ts';
import type { CaPort } from './ca-link.ts';

/** What the daemon needs of the control plane; `control-link.ts` makes it from the real one. */
export interface ControlPort extends AsyncDisposable {
  /** Certificates and roots. */
  readonly ca: CaPort;
  /** `listener` hears what the user should know. */
  onNotice(listener: (notice: MeshEventBody) => void): void;
  /** What sidecars are to tell of their traffic from now on, and who hears it. */
  observe(observation: Observation, listener: (from: ObservedWorkload, message: Observed) => void): void;
  /** Whom sidecars tell of live requests; to be said again within `tapLifeMs`. */
  tap(orders: readonly TapOrder[]): void;
  /** `listener` hears of them. */
  onTapped(listener: (from: ObservedWorkload, message: Tapped) => void): void;
  /** The daemon's own metrics, for scrapers of the mesh. */
  offerMetrics(own: () => Promise<string>): void;
  /** The configuration that sidecars are compiled from. */
  setConfig(config: MeshConfig): void;
  /** The faults put on the running mesh, instead of those before. */
  setLiveFaults(faults: readonly LiveFault[]): void;
  /** The public keys of issuers of tokens, by URL, instead of those before. */
  setIssuerKeys(keys: IssuerKeys): void;
  /** All pods that run, as last observed. */
  setPods(pods: readonly ObservedPod[]): void;
  /** Resolves when the sidecar serves: first snapshot acked. */
  whenReady(workload: string, signal: AbortSignal): Promise<void>;
  /** Resolves when the app accepts connections, at once for an app without ports. */
  whenAppListening(workload: string, signal: AbortSignal): Promise<void>;
  /** Resolves when every connected sidecar runs what was compiled last, to their number. */
  settled(signal: AbortSignal): Promise<number>;
  /** Configurations that sidecars took, and refused, since the daemon began. */
  pushes(): { readonly acked: number; readonly nacked: number };
  /** By workload. */
  status(): ReadonlyMap<string, ProxyStatus>;
  query(workload: string, what: ProxyQuery | 'exposition'): Promise<unknown>;
  /** All that sidecars should run. */
  snapshots(): readonly Snapshot[];
  /** Whether the sidecar would let a call in; `null` before its first snapshot. */
  judge(workload: string, call: JudgedCall): Promise<Judgement | null>;
  /** Who called the app beside a sidecar since it was first asked. */
  calls(workload: string): Promise<ObservedCalls>;
  /** What the sidecar would do with a request; `null` before its first snapshot. */
  explain(workload: string, request: ExplainRequest): Promise<Explanation | null>;
  /** Public environment of a sidecar. */
  sidecarEnvironment(pod: SidecarFacts): Readonly<Record<string, string>>;
}
