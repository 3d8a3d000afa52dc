/** Waiting time in ms before try number `attempt` (0 = at once, 1 = `baseMs`, then doubling up to `maxMs`). */
export function backoffMs(attempt: number, baseMs: number, maxMs: number): number {
  return attempt <= 0 ? 0 : Math.min(maxMs, baseMs * 2 ** (attempt - 1));
}
