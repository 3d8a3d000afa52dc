import type { Golden, GoldenPoint } from '../../api/stats.ts';

/** Steps of a stretch of time. */
export interface Stretch {
  /** Those in which something happened. */
  readonly points: readonly GoldenPoint[];
  /** Ms since epoch. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
}

/** The ends of all steps, and the point of each, `null` where nothing happened. */
export function alongTime({ points, fromMs, toMs, stepMs }: Stretch): {
  readonly times: readonly number[];
  readonly at: readonly (Golden | null)[];
} {
  const numbers = new Map(points.map(point => [Math.ceil((Date.parse(point.at) - fromMs) / stepMs), point]));
  const steps = Math.max(1, Math.ceil((toMs - fromMs) / stepMs));
  const times = Array.from({ length: steps }, (_, index) => fromMs + (index + 1) * stepMs);
  return { times, at: times.map((_, index) => numbers.get(index + 1) ?? null) };
}
