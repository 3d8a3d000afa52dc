/** Golden signals over time as lines of a chart. Pure. */
import type { GoldenPoint, StatsDocument } from '../../../api/stats.ts';
import type { Line } from '../../view/chart.tsx';

/** Two charts on one time axis. */
export interface Series {
  /** Ends of the steps, ms since epoch. */
  readonly times: readonly number[];
  /** Per second, by what came of them. */
  readonly answers: readonly Line[];
  /** Milliseconds. */
  readonly durations: readonly Line[];
}

/** Steps without a point are steps in which nothing happened. */
export function seriesOf(
  document: Pick<StatsDocument, 'from' | 'to' | 'stepMs'>,
  points: readonly GoldenPoint[],
  isTcp: boolean,
): Series {
  const stepMs = document.stepMs ?? 1_000;
  const fromMs = Date.parse(document.from);
  const toMs = Date.parse(document.to);
  const steps = Math.max(0, Math.ceil((toMs - fromMs) / stepMs));
  const byStep = new Map(points.map(point => [Math.ceil((Date.parse(point.at) - fromMs) / stepMs), point]));
  const numbers = Array.from({ length: steps }, (_, index) => index + 1);
  const perSecond = (count: (point: GoldenPoint) => number): readonly number[] =>
    numbers.map(step => {
      const point = byStep.get(step);
      return point === undefined ? 0 : Math.max(0, count(point)) / (stepMs / 1_000);
    });
  const ms = (value: (point: GoldenPoint) => number | null): readonly (number | null)[] =>
    numbers.map(step => {
      const point = byStep.get(step);
      return point === undefined ? null : value(point);
    });
  // What access rules refuse is among the 4xx of HTTP, and beside the connections of raw TCP.
  const other4xx = (point: GoldenPoint): number => (isTcp ? 0 : Math.max(0, point.clientErrors - point.denied));
  const refused = (point: GoldenPoint): number => (isTcp ? 0 : point.denied);
  return {
    times: numbers.map(step => Math.min(toMs, fromMs + step * stepMs)),
    answers: [
      {
        label: isTcp ? 'connected' : 'good',
        colour: '--series-4',
        values: perSecond(point => point.requests - point.failures - other4xx(point) - refused(point)),
      },
      ...(isTcp ? [] : [{ label: '4xx', colour: '--series-2', values: perSecond(other4xx) }]),
      { label: 'failed', colour: '--series-5', values: perSecond(point => point.failures) },
      { label: 'denied', colour: '--denied', values: perSecond(point => point.denied) },
    ],
    durations: isTcp
      ? []
      : [
          { label: 'p50', colour: '--series-1', values: ms(point => point.p50Ms) },
          { label: 'p95', colour: '--series-3', values: ms(point => point.p95Ms) },
          { label: 'p99', colour: '--series-2', values: ms(point => point.p99Ms) },
        ],
  };
}
