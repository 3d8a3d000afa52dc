import type { PublishState, SyncState } from './publish-state.ts';
import type { WorkloadState } from './registry.ts';

/** One line of `mesh proxy-status`. */
export interface WorkloadStatus {
  readonly workload: string;
  readonly service: string;
  readonly version: string;
  readonly kind: 'sidecar' | 'gateway';
  readonly address: string | null;
  readonly state: WorkloadState;
  readonly sync: SyncState;
  /** Version that it should run, was sent, and says it runs. */
  readonly wanted: string | null;
  readonly sent: string | null;
  readonly acked: string | null;
  /** Why it refused a version. */
  readonly nack: PublishState['nack'];
  /** End of its SVID, ms since epoch; `null` before the first. */
  readonly svidExpiresAtMs: number | null;
  /** The part of the SVID's life that is over and should not be, in (0, 1]; 0: it was renewed in time. */
  readonly svidLate: number;
  /** Why it refused a certificate or roots; `null`: it did not. */
  readonly svidProblem: string | null;
  /** Ports that its app listens on. */
  readonly listening: readonly number[];
}
