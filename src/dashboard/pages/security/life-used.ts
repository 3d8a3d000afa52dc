import type { WorkloadSvid } from '../../../api/ca.ts';

/** The share of a certificate's life that is over, 0 to 1; `null`: its sidecar has not told. */
export function lifeUsed({ since, expiresAt }: Pick<WorkloadSvid, 'since' | 'expiresAt'>, nowMs: number): number | null {
  if (since === null || expiresAt === null) return null;
  const lifeMs = Date.parse(expiresAt) - Date.parse(since);
  return lifeMs <= 0 ? 1 : Math.min(1, Math.max(0, (nowMs - Date.parse(since)) / lifeMs));
}
