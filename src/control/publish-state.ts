/** What is known about the snapshot of one workload. Pure. */

/** Istio's words. `STALE`: sent but not acknowledged, or refused. `NOT SENT`: there is no snapshot for it yet. */
export type SyncState = 'SYNCED' | 'STALE' | 'NOT SENT' | 'DISCONNECTED';

/** Versions of one workload's snapshot along the way. */
export interface PublishState {
  readonly connected: boolean;
  /** Version that it should run; `null` before the first compile that knows it. */
  readonly wanted: string | null;
  /** Last version sent on the present connection. */
  readonly sent: string | null;
  /** Version that it runs, by its own word. */
  readonly acked: string | null;
  /** Last refusal, until the wanted version is another one. */
  readonly nack: { readonly version: string; readonly reason: string } | null;
}

/** A workload that nobody has heard of yet. */
export const unpublished: PublishState = { connected: false, wanted: null, sent: null, acked: null, nack: null };

/** How it stands. */
export function syncState(state: PublishState): SyncState {
  if (!state.connected) return 'DISCONNECTED';
  if (state.wanted === null || (state.sent === null && state.acked !== state.wanted)) return 'NOT SENT';
  return state.acked === state.wanted ? 'SYNCED' : 'STALE';
}

/** Whether the wanted version must be sent now. A refused version is not sent again on the same connection: the answer would be the same. */
export function mustSend(state: PublishState): boolean {
  return state.connected && state.wanted !== null && state.acked !== state.wanted && state.sent !== state.wanted;
}

/** Whether nothing more is to be expected from it: it runs the wanted version, refused it, or is not there. */
export function isSettled(state: PublishState): boolean {
  if (!state.connected || state.wanted === null) return true;
  return state.acked === state.wanted || state.nack?.version === state.wanted;
}
